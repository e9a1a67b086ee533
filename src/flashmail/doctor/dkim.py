"""DKIM (RFC 6376): the public keys that a domain has, by their selectors."""

import binascii
from base64 import b64decode
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from flashmail.doctor.dmarc import tags
from flashmail.doctor.zone import Zone

#: Where providers and mail servers put them, unless told otherwise.
USUAL = ("s1", "s2", "default", "mail", "dkim", "selector1", "selector2", "k1")

#: Bits of an RSA key: fewer than the first are refused, fewer than the second are weak
#: (RFC 8301).
FEWEST, ENOUGH = 1024, 2048


@dataclass(frozen=True)
class Key:
    """A key as it was found; `bits` is 0 where it cannot be read or was revoked."""

    selector: str
    kind: str
    bits: int
    revoked: bool = False


def keys(zone: Zone, domain: str, selectors: tuple[str, ...] = ()) -> list[Key]:
    """Return the keys of some selectors, or of the usual ones."""
    found = []
    for selector in selectors or USUAL:
        for text in zone(f"{selector}._domainkey.{domain}", "TXT"):
            if "p" in tags(text):
                found.append(_key(selector, tags(text)))
    return found


def _key(selector: str, record: dict[str, str]) -> Key:
    kind = record.get("k", "rsa").lower()
    material = record["p"].replace(" ", "")
    if not material:
        return Key(selector, kind, 0, revoked=True)
    if kind == "ed25519":
        return Key(selector, kind, 256)
    try:
        key = load_der_public_key(b64decode(material))
    except (ValueError, binascii.Error):
        return Key(selector, kind, 0)
    return Key(selector, kind, key.key_size if isinstance(key, RSAPublicKey) else 0)
