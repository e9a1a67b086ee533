"""The signed links that leave with a mail and come back with a reader.

A token names one delivery, (campaign, subscriber), and says what it is good for. It
is 24 bytes in hexadecimal: two unsigned 32-bit numbers and 16 bytes of keyed BLAKE2s
(RFC 7693) over them. The purpose is BLAKE2's personalisation, so a token for one
purpose is noise for every other. Hexadecimal survives mail servers that fold case
(RFC 5321, section 2.4) and needs no escape in quoted-printable.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from hashlib import blake2s
from struct import Struct

from flashmail.errors import FlashmailError, WrongInput
from flashmail.message import BOUNCE, LEAVE, WATCH, mark

ID = Struct(">II")

#: In place of a subscriber's id in links of readers that may not be tracked.
NOBODY = 0

MAC_SIZE = 16

KEY_SIZE = 32


class Purpose(Enum):
    """What a token lets its bearer do. The values are written into every MAC."""

    WATCH = b"watch"  # open, click, view in the browser
    LEAVE = b"leave"  # unsubscribe, change preferences
    BOUNCE = b"bounce"  # the envelope sender
    CONFIRM = b"confirm"  # say that what a form asked for is wanted
    NEVER = b"never"  # have no form write to an address any more
    OWN = b"own"  # take one's data along, be erased, move to another address
    FORM = b"form"  # tell when a form was shown


class BadToken(FlashmailError):
    """This link is not one of ours."""


@dataclass(frozen=True)
class Tokens:
    """Writes tokens with the first key and reads them with any.

    Old keys stay in the list after a rotation, so that links work for years.
    """

    keys: tuple[bytes, ...]

    @classmethod
    def of(cls, secrets: Sequence[str]) -> "Tokens":
        """Derive the keys from the installation's secrets, newest first."""
        if not all(len(secret) >= KEY_SIZE for secret in secrets):
            raise WrongInput(f"a secret key has at least {KEY_SIZE} characters")
        return cls(tuple(blake2s(secret.encode()).digest() for secret in secrets))

    def write(self, purpose: Purpose, campaign_id: int, subscriber_id: int) -> str:
        """Return the token of a delivery, `message.TOKEN_WIDTH` characters."""
        ids = ID.pack(campaign_id, subscriber_id)
        return (ids + _mac(self.keys[0], purpose, ids)).hex()

    def write_all(
        self, purpose: Purpose, campaign_id: int, subscriber_ids: Iterable[int]
    ) -> list[str]:
        """Return the tokens of many deliveries of a campaign, in the same order."""
        begun = _keyed(self.keys[0], purpose).copy
        tokens = []
        for subscriber_id in subscriber_ids:
            ids = ID.pack(campaign_id, subscriber_id)
            state = begun()
            state.update(ids)
            tokens.append((ids + state.digest()).hex())
        return tokens

    def read(self, purpose: Purpose, token: str) -> tuple[int, int]:
        """Return (campaign id, subscriber id), or raise BadToken."""
        ids, mac = _halves(token)
        # Every key is tried, so that the time taken does not tell which one fitted.
        fits = [hmac.compare_digest(_mac(key, purpose, ids), mac) for key in self.keys]
        if not any(fits):
            raise BadToken("this link is not one of ours, or it was cut short")
        campaign_id, subscriber_id = ID.unpack(ids)
        return campaign_id, subscriber_id


@dataclass(frozen=True)
class Links:
    """The public addresses of an installation; `base_url` has no slash at its end."""

    base_url: str

    def unsubscribe(self, token: str = mark(LEAVE)) -> str:
        return f"{self.base_url}/u/{token}"

    def preferences(self, token: str = mark(LEAVE)) -> str:
        return f"{self.base_url}/p/{token}"

    def own(self, token: str) -> str:
        return f"{self.base_url}/me/{token}"

    def confirm(self, token: str) -> str:
        return f"{self.base_url}/j/{token}"

    def never(self, token: str) -> str:
        return f"{self.base_url}/n/{token}"

    def view(self, token: str = mark(WATCH)) -> str:
        return f"{self.base_url}/v/{token}"

    def pixel(self, token: str = mark(WATCH)) -> str:
        return f"{self.base_url}/o/{token}.gif"

    def click(self, number: int, token: str = mark(WATCH)) -> str:
        return f"{self.base_url}/c/{token}/{number}"

    def trap(self, token: str = mark(WATCH)) -> str:
        """Return where the link leads that no reader sees and scanners follow."""
        return f"{self.base_url}/h/{token}"


def envelope_sender(domain: str) -> str:
    """Return the address that bounces go to, with a mark for the delivery's token."""
    return f"b-{mark(BOUNCE)}@{domain}"


@lru_cache(maxsize=64)
def _keyed(key: bytes, purpose: Purpose) -> "blake2s":
    return blake2s(key=key, digest_size=MAC_SIZE, person=purpose.value)


def _mac(key: bytes, purpose: Purpose, ids: bytes) -> bytes:
    # Copying a keyed state saves hashing the key block for every reader.
    state = _keyed(key, purpose).copy()
    state.update(ids)
    return state.digest()


def _halves(token: str) -> tuple[bytes, bytes]:
    try:
        raw = bytes.fromhex(token)
    except ValueError:
        raw = b""
    if len(raw) != ID.size + MAC_SIZE or not token.isalnum():
        raise BadToken("this link is not one of ours, or it was cut short")
    return raw[: ID.size], raw[ID.size :]
