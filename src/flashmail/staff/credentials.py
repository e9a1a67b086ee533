"""What staff know or have: a password, a code that changes, codes for a bad day."""

import hashlib
import hmac
import secrets
from datetime import datetime
from functools import lru_cache

import pyotp
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from flashmail.errors import WrongInput

SHORTEST_PASSWORD = 12

RECOVERY_CODES = 8

#: Seconds for which a code is shown (RFC 6238, section 4.1), and how many steps a clock
#: may be off.
STEP, DRIFT = 30, 1

#: Argon2id as OWASP's Password Storage Cheat Sheet asks for: 19 MiB, two passes.
_passwords = PasswordHash(
    (Argon2Hasher(memory_cost=19456, time_cost=2, parallelism=1),)
)


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password, or say why it will not do."""
    if len(password) < SHORTEST_PASSWORD:
        raise WrongInput(f"a password has at least {SHORTEST_PASSWORD} characters")
    return _passwords.hash(password)


def password_fits(password: str, password_hash: str | None) -> bool:
    """Return whether a password fits; it takes as long where there is no hash."""
    fits = _passwords.verify(password, password_hash or _nobodys_hash())
    return fits and password_hash is not None


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    """Verified where there is nobody to sign in, so that it takes as long."""
    return _passwords.hash(secrets.token_hex(16))


def code_step(secret: str, code: str, *, after: int, now: datetime) -> int | None:
    """Return the step that a code is of, or None; none counts that is not `after`."""
    current = int(now.timestamp()) // STEP
    totp = pyotp.TOTP(secret)
    for step in range(current - DRIFT, current + DRIFT + 1):
        if step > after and hmac.compare_digest(totp.at(step * STEP), code.strip()):
            return step
    return None


def new_totp_secret() -> str:
    return pyotp.random_base32()


def totp_address(secret: str, address: str) -> str:
    """Return the otpauth:// address that an authenticator reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=address, issuer_name="flashmail")


def new_recovery_codes() -> list[str]:
    return [secrets.token_hex(5) for _ in range(RECOVERY_CODES)]


def secret_hash(text: str) -> str:
    """Return the SHA-256 of a secret that is long and random: no salt is needed."""
    return hashlib.sha256(text.strip().lower().encode()).hexdigest()
