"""What a mail that came back says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: RFC 5321, 4.5.3.1, and what may stand in an address without quotes.
LONGEST_LOCAL, LONGEST_DOMAIN = 64, 255

LOCAL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}\Z")

DOMAIN = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")


def named(value: str) -> str:
    """Return the one address in a field's value, without brackets; empty if none."""
    return next(addresses(value), "")


def addresses(text: str) -> Iterator[str]:
    """Yield the addresses in a text, in their order."""
    at = text.find("@")
    while at >= 0:
        local = LOCAL.search(_before(text, at))
        domain = DOMAIN.match(text, at + 1, at + 1 + LONGEST_DOMAIN)
        if local and domain:
            yield f"{local[0].strip(_QUOTES)}@{domain[0]}"
        at = text.find("@", at + 1)


#: Letters of addresses that in a notice are more often its punctuation.
_QUOTES = "'`*=|.-"


def _before(text: str, at: int) -> str:
    return text[max(0, at - LONGEST_LOCAL) : at]


#: How much of a reason is kept: it may be anything that a stranger wrote.
REASON_LENGTH = 400


class BounceKind(StrEnum):
    """What came back, in one word."""

    HARD = "hard"  # this address will never take mail
    SOFT = "soft"  # this mail was not taken; the next one may be
    COMPLAINT = "complaint"  # somebody called it spam
    AUTO_REPLY = "auto-reply"  # a vacation note, a receipt
    NONE = "none"  # nothing of the kind


@dataclass(frozen=True)
class ParsedBounce:
    """What one mail says about one of ours. Only a valid `token` makes it true.

    `status` is an enhanced code (RFC 3463) as 5.1.1, or empty; `at` is the moment that
    the mail itself bears. `arrived` is that a mail system did its work; `sender` is the
    one answers.
    """

    kind: BounceKind
    address: str = ""
    status: str = ""
    reason: str = ""
    token: str = ""
    at: datetime | None = None
    arrived: bool = False
    sender: str = ""


def printable(text: str, limit: int = REASON_LENGTH) -> str:
    """Return a stranger's words on one line, without what could turn others around."""
    line = " ".join(text[: 4 * limit].split())
    return "".join(c for c in line if c.isprintable())[:limit]
