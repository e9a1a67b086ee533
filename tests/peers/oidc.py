"""An OpenID provider on loopback: it lets in whom the test names."""

import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT, SECRET = "flashmail", "s3cret"


@dataclass
class OidcPeer:
    """What the provider says; `claims` go before what it would say otherwise."""

    email: str = "edna@example.org"
    claims: dict[str, Any] = field(default_factory=dict)
    issuer: str = ""
    said_issuer: str = ""
    key: ECKey = field(default_factory=lambda: _key())
    signs_with: ECKey | None = None
    asked: dict[str, dict[str, str]] = field(default_factory=dict)

    def code_for(self, address: str) -> str:
        """Let somebody in who came by an address of ours; return where they go."""
        query = {n: v[0] for n, v in parse_qs(urlsplit(address).query).items()}
        code = f"code{len(self.asked)}"
        self.asked[code] = query
        back = urlencode({"code": code, "state": query["state"]})
        return f"{query['redirect_uri']}?{back}"

    def token(self, form: dict[str, str], credentials: str) -> dict[str, Any]:
        asked = self.asked.pop(form["code"], None)
        challenge = _digest(form["code_verifier"])
        if asked is None or credentials != f"{CLIENT}:{SECRET}":
            return {"error": "invalid_grant"}
        if asked["code_challenge"] != challenge or asked.get("nonce", "") == "":
            return {"error": "invalid_grant"}
        said = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "1",
            "exp": int(time.time()) + 300,
            "nonce": asked["nonce"],
            "email": self.email,
            "email_verified": True,
        } | self.claims
        signed = jwt.encode({"alg": "ES256"}, said, self.signs_with or self.key)
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed}


@contextmanager
def oidc_peer() -> Iterator[OidcPeer]:
    """Run a provider on loopback."""
    peer = OidcPeer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(peer))
    peer.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(peer: OidcPeer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/openid-configuration"):
                self._answer(
                    {
                        "issuer": peer.said_issuer or peer.issuer,
                        "authorization_endpoint": f"{peer.issuer}/authorize",
                        "token_endpoint": f"{peer.issuer}/token",
                        "jwks_uri": f"{peer.issuer}/keys",
                    }
                )
            else:
                self._answer({"keys": [peer.key.as_dict(private=False)]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            basic = self.headers.get("Authorization", "Basic ").removeprefix("Basic ")
            self._answer(peer.token(form, b64decode(basic).decode()))

        def _answer(self, value: dict[str, Any]) -> None:
            raw = json.dumps(value).encode()
            self.send_response(400 if "error" in value else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def _key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "1"})


def other_key() -> ECKey:
    """Return a key that claims to be the provider's and is not."""
    return _key()


def _digest(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
