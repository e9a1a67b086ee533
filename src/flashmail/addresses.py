"""An address: how it is written in mails, and how two spellings are compared.

Only plain addresses are taken: no quoted local parts, comments, literals or display
names. They are attacks more often than people, and parsers disagree about them.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from flashmail.errors import WrongInput

#: RFC 5321, 4.5.3.1: octets before the @, and in all.
LOCAL_LIMIT, ADDRESS_LIMIT = 64, 254

#: A local part that needs no closer look. Linear: each character fits in one place.
PLAIN_LOCAL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
)


class Address(NamedTuple):
    """An address as it is written, its domain in ASCII, and the key it is known by.

    Spellings that differ only in case have one key. Nothing else is ever taken for the
    same: neither accents, nor dotless letters, nor dots and plus signs.
    """

    text: str
    key: str


class BadAddress(WrongInput):
    """This is no address that mail can be sent to; the text says why."""


class _Domain(NamedTuple):
    ascii: str
    octets: int  # of its longest spelling
    problem: str = ""


def parse_address(text: str) -> Address:
    """Read an address, or say what is wrong with it.

    A million take about a second: each domain is looked at closely once, and so is only
    what is unusual before the @.
    """
    local, _, domain = text.partition("@")
    if len(local) > LOCAL_LIMIT or PLAIN_LOCAL.fullmatch(local) is None:
        return _unusual(text)
    known = _domain(domain) if len(domain) < ADDRESS_LIMIT else _LONG
    if known.problem:
        raise BadAddress(known.problem)
    if len(local) + 1 + known.octets > ADDRESS_LIMIT:
        raise BadAddress(_LONG.problem)
    written = f"{local}@{known.ascii}"
    return Address(written, written.lower())


def masked(address: str) -> str:
    """Return as much of an address as its owner needs to know it again."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}…@{domain}"


_LONG = _Domain("", 0, f"an address has at most {ADDRESS_LIMIT} characters")


@lru_cache(maxsize=1 << 16)
def _domain(domain: str) -> _Domain:
    try:
        checked = _checked(f"a@{domain}")
    except BadAddress as problem:
        return _Domain("", 0, str(problem))
    # The shortest local part fits even where longer ones do not.
    spellings = (domain, checked.domain, checked.ascii_domain)
    return _Domain(checked.ascii_domain, max(len(each.encode()) for each in spellings))


def _unusual(text: str) -> Address:
    """Read an address with anything but a plain local part."""
    if len(text) > ADDRESS_LIMIT:
        raise BadAddress(_LONG.problem)
    checked = _checked(text)
    local = checked.local_part
    if len(local.encode()) > LOCAL_LIMIT:
        raise BadAddress(f"an address has at most {LOCAL_LIMIT} octets before the @")
    if unicodedata.normalize("NFKC", local) != local:
        # Full-width letters, ligatures and the like: their plain spelling may well be
        # somebody else's address, so we guess nothing.
        raise BadAddress("the part before the @ has look-alikes of plain letters")
    # Lower case, not case folding: that would make ß and ss one person.
    key = unicodedata.normalize("NFC", local.lower())
    return Address(f"{local}@{checked.ascii_domain}", f"{key}@{checked.ascii_domain}")


def _checked(text: str) -> ValidatedEmail:
    try:
        return validate_email(
            text,
            check_deliverability=False,
            strict=True,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            allow_empty_local=False,
            test_environment=False,
        )
    except EmailNotValidError as problem:
        raise BadAddress(str(problem)) from None
