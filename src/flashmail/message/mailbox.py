"""A mailbox: an address in the form in which it travels."""

import re
from functools import lru_cache
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

from flashmail.errors import WrongInput

#: RFC 5321, section 4.5.3.1, in octets: a path is an address within angle brackets.
LOCAL_PART_LIMIT, DOMAIN_LIMIT, PATH_LIMIT = 64, 255, 256

#: A dot-atom at a host name. Quoted local parts, comments, address literals and
#: routes are refused: programs disagree on whom they mean.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
PLAIN = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*@{_LABEL}(?:\.{_LABEL})*").fullmatch


class Mailbox(NamedTuple):
    """An address as octets, its domain in A-labels (RFC 5890)."""

    octets: bytes
    #: The local part is not ASCII and may not be rewritten (RFC 6531).
    needs_smtputf8: bool


def mailbox(address: str) -> Mailbox:
    """Return the mailbox of an address, or raise WrongInput saying what is wrong."""
    if PLAIN(address):
        octets = address.encode()
        # Only a long address can break a limit.
        return _within_limits(Mailbox(octets, needs_smtputf8=False))
    return _international(address)


@lru_cache(maxsize=256)
def _international(address: str) -> Mailbox:
    local, at, _ = address.rpartition("@")
    if address.isascii() or not at:
        raise WrongInput(f"{address!r} is not an address as in anne@example.org")
    try:
        valid = validate_email(
            address, check_deliverability=False, test_environment=True
        )
    except EmailNotValidError as problem:
        raise WrongInput(f"{address!r} is not an address: {problem}") from None
    # The local part stays as its owner writes it; email_validator normalises.
    return _within_limits(
        Mailbox(f"{local}@{valid.ascii_domain}".encode(), not local.isascii())
    )


def _within_limits(mailbox: Mailbox) -> Mailbox:
    if len(mailbox.octets) <= LOCAL_PART_LIMIT:
        return mailbox
    local, _, domain = mailbox.octets.rpartition(b"@")
    if len(local) > LOCAL_PART_LIMIT:
        raise WrongInput(f"more than {LOCAL_PART_LIMIT} octets stand before the @")
    if len(domain) > DOMAIN_LIMIT or len(mailbox.octets) + 2 > PATH_LIMIT:
        raise WrongInput(f"an address has at most {PATH_LIMIT - 2} octets")
    return mailbox
