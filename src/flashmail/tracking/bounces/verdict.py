"""What a mail that came back says."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: How much of a reason is kept: it may be anything that a stranger wrote.
REASON_LENGTH = 400


class Kind(StrEnum):
    """What came back, in one word."""

    HARD = "hard"  # this address will never take mail
    SOFT = "soft"  # this mail was not taken; the next one may be
    COMPLAINT = "complaint"  # somebody called it spam
    AUTO_REPLY = "auto-reply"  # a vacation note, a receipt
    NONE = "none"  # nothing of the kind


@dataclass(frozen=True)
class Verdict:
    """What one mail says about one of ours. Only a valid `token` makes it true.

    `status` is an enhanced code (RFC 3463) as 5.1.1, or empty; `at` is the moment that
    the mail itself bears. `arrived` is that a mail system did its work; `sender` is who
    answers.
    """

    kind: Kind
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
