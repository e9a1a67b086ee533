"""Finding addresses in what strangers wrote, in time that grows with its length."""

import re
from collections.abc import Iterator

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
