"""What the domain name system says: live, or as it was recorded in a file."""

from collections.abc import Callable, Mapping
from typing import Any

import dns.exception
import dns.resolver

from flashmail.errors import FlashmailError

#: Seconds for one question.
PATIENCE = 5.0

#: Answers a name and a type ("TXT", "MX", "A", ...) with the records' texts; none where
#: there are none. Raises Unanswered where nobody could say.
Zone = Callable[[str, str], list[str]]


class Unanswered(FlashmailError):
    """The name servers did not say whether there is such a record."""


def live(name: str, kind: str) -> list[str]:
    """Ask this machine's resolver."""
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=PATIENCE)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as failure:
        raise Unanswered(f"{kind} of {name}: {failure}") from failure
    return [_text(record) for record in answer]


def recorded(records: Mapping[str, Mapping[str, list[str]]]) -> Zone:
    """Answer from {name: {type: [texts]}}; a type of None was unanswered."""

    def ask(name: str, kind: str) -> list[str]:
        known = records.get(name.rstrip(".").lower(), {})
        answers = known.get(kind, [])
        if answers is None:
            raise Unanswered(f"{kind} of {name}: the servers did not answer")
        return list(answers)

    return ask


def _text(record: Any) -> str:
    strings = getattr(record, "strings", None)
    if strings is not None:  # a TXT record comes in pieces (RFC 7208, 3.3)
        return b"".join(strings).decode("utf-8", "replace")
    return str(record.to_text())
