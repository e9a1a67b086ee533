"""Signing in by another house's account (OpenID Connect Core 1.0, code flow).

The provider vouches for an address, and for whatever second factor it asks for. Only
an existing member of staff is let in: no account is added by it.
"""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

import httpx2 as httpx
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from flashmail.errors import FlashmailError

#: What a provider may sign with. A shared secret ("HS256") or none at all is refused.
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]

#: How long a provider may take, in seconds, and how far its clock may be off.
PATIENCE, LEEWAY = 10, 30

DISCOVERY = "/.well-known/openid-configuration"


class IdentityRefused(FlashmailError):
    """The provider does not credibly say which person this is."""


@dataclass(frozen=True)
class OidcState:
    """What the browser keeps while it is at the provider's.

    `state` ties the answer to this browser, `nonce` the provider's word to this
    journey, `verifier` the code to us (PKCE, RFC 7636).
    """

    state: str
    nonce: str
    verifier: str
    next: str

    @classmethod
    def begin(cls, next: str) -> "OidcState":
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, next)

    def write(self) -> str:
        return urlsafe_b64encode(json.dumps(astuple(self)).encode()).decode()

    @classmethod
    def read(cls, text: str) -> "OidcState":
        try:
            parts = json.loads(urlsafe_b64decode(text))
            return cls(*map(str, parts))
        except (ValueError, TypeError):
            raise IdentityRefused(
                "this sign-in was not begun in this browser"
            ) from None


@dataclass(frozen=True)
class Provider:
    """A provider, and our client there; `back` is where it sends people back to."""

    issuer: str
    client_id: str
    client_secret: str
    back: str

    def address(self, journey: OidcState) -> str:
        """Return where to send a browser to identify its person there."""
        with self._client() as client:
            known = self._known(client)
            url, _ = client.create_authorization_url(
                known["authorization_endpoint"],
                state=journey.state,
                nonce=journey.nonce,
                code_verifier=journey.verifier,
            )
        return str(url)

    def vouches_for(self, journey: OidcState, answer: Mapping[str, str]) -> str:
        """Return the address that the provider vouches for; raise NotVouchedFor."""
        if not secrets.compare_digest(answer.get("state", ""), journey.state):
            raise IdentityRefused("this sign-in was not begun in this browser")
        if "code" not in answer:
            raise IdentityRefused("the provider did not let you in")
        try:
            with self._client() as client:
                known = self._known(client)
                token = client.fetch_token(
                    known["token_endpoint"],
                    code=answer["code"],
                    code_verifier=journey.verifier,
                )
                keys = KeySet.import_key_set(_asked(client, known["jwks_uri"]))
            said = self._believed(str(token.get("id_token", "")), keys, journey.nonce)
        except (OAuthError, JoseError, ValueError, httpx.HTTPError) as problem:
            raise IdentityRefused(f"the provider is not believed: {problem}") from None
        # An address that the provider did not verify may be anybody's.
        if said.get("email_verified") is not True or not said.get("email"):
            raise IdentityRefused("the provider has not verified your address")
        return str(said["email"])

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            self.client_id,
            self.client_secret,
            redirect_uri=self.back,
            scope="openid email",
            code_challenge_method="S256",
            timeout=PATIENCE,
        )

    def _known(self, client: OAuth2Client) -> dict[str, Any]:
        try:
            address = f"{self.issuer.rstrip('/')}{DISCOVERY}"
            known: dict[str, Any] = _asked(client, address)
            if known["issuer"] != self.issuer:
                raise IdentityRefused("the provider says that it is another one")
            return known
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as problem:
            raise IdentityRefused(f"the provider cannot be asked: {problem}") from None

    def _believed(self, token: str, keys: KeySet, nonce: str) -> dict[str, Any]:
        """Return the claims of a token that is signed, for us, fresh, and asked for."""
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)
        return dict(claims)


def _asked(client: OAuth2Client, address: str) -> Any:
    """Return what stands at an address of the provider's that is open to everybody."""
    return client.request("GET", address, withhold_token=True).json()
