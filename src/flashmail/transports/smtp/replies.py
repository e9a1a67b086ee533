"""What an SMTP server's replies mean. Pure: no clock, no network.

Codes are those of RFC 5321, section 4.2, enhanced ones those of RFC 3463 and of the
large mailbox providers' own documents.
"""

import re
from dataclasses import dataclass
from enum import Enum

from flashmail.transports.base import Outcome

#: As much of a reply as is kept as a reason.
REASON_LENGTH = 300


class Phase(Enum):
    """What a reply answers."""

    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "the end of the mail"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply; `text` is what stands behind the codes, its lines joined."""

    code: int
    text: str = ""

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def enhanced(self) -> str:
        """The enhanced status code, as in 5.1.1, or nothing."""
        found = ENHANCED(self.text)
        return found[0] if found else ""

    @property
    def reason(self) -> str:
        return f"{self.code} {self.text}"[:REASON_LENGTH]


ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)").match

GO_AHEAD, CLOSING = 354, 421

#: We have to log in, or our login is wrong (RFC 4954, section 6).
LOGIN_CODES = frozenset({530, 534, 535, 538})

#: Enhanced codes that blame the sender, for any reader.
BLAMES_SENDER = frozenset(
    f"{kind}.{detail}"
    for kind in (4, 5)
    for detail in (
        "7.20",  # RFC 7372: no passing DKIM signature
        "7.21",  # no acceptable one
        "7.22",  # none of the author's domain
        "7.23",  # SPF failed
        "7.24",  # SPF could not be checked
        "7.25",  # no reverse DNS
        "7.26",  # several of these; Gmail: not authenticated
        "7.27",  # Gmail: no SPF
        "7.29",  # Gmail: no TLS
        "7.30",  # Gmail: no DKIM
        "7.32",  # Gmail: From is not aligned
        "7.515",  # Microsoft: a bulk sender's duties are not met
    )
) | {
    "5.3.4",  # the message is too large for the server
    "5.7.28",  # Gmail: too much unwanted mail comes from our address
    "5.7.54",  # Exchange: it does not relay for us
}

#: The server does not know us, and would say so of any reader elsewhere.
NO_RELAY = re.compile(
    r"relay(ing)? (access )?(denied|not permitted|not allowed|prohibited)"
    r"|unable to relay|not permitted to relay",
    re.IGNORECASE,
).search


def verdict(phase: Phase, reply: Reply) -> Outcome | None:
    """Return what a reply means for the reader; None when it blames the sender."""
    if reply.positive:
        return Outcome.ACCEPTED
    if reply.code in LOGIN_CODES or reply.enhanced in BLAMES_SENDER:
        return None
    if reply.code < 500:
        return Outcome.LATER
    # The envelope sender is ours, so a refusal of it has nothing to do with a reader.
    if phase is Phase.MAIL or (phase is Phase.RCPT and NO_RELAY(reply.text)):
        return None
    return Outcome.REFUSED
