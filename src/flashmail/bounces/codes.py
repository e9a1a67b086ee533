"""What a mail system's code and words mean for the address (RFC 3463, RFC 5321, 4.2).

A code says more than words do, and words more than that something failed. In doubt it
was this mail, not the address: a reader lost by mistake does not come back.
"""

import re
from enum import StrEnum

from flashmail.bounces.phrases import (
    BLOCKED,
    FULL,
    GONE,
    PASSING,
    PERMANENT,
    folded,
    says,
)

ENHANCED = re.compile(r"(?<![\w.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)", re.ASCII)

REPLY = re.compile(
    r"(?<![\w.:/=-])(421|43[12]|4[457]\d|50[0-5]|51[01]|521|53[0458]|54[1-7]|55\d|571)"
    r"(?=[ \-#]|$)",
    re.ASCII,
)


class RefusalScope(StrEnum):
    """What a refusal is about."""

    GONE = "gone"  # the address
    MAILBOX = "mailbox"  # its mailbox or its host, for now
    POLICY = "policy"  # us, or what we wrote


#: There is no such mailbox or domain, or it has moved.
NO_ADDRESS = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10"})

#: Full, too large, undecidable for days, a loop: the mailbox is there.
FOR_NOW = frozenset({"2.2", "2.3", "2.4", "3.1", "3.4", "4.5", "4.6", "4.7", "4.9"})

#: Our sender address or the content did not please.
NOT_WANTED = frozenset({"1.7", "1.8", "6.0", "6.1", "6.2", "6.3", "6.4", "6.5", "6.6"})


def enhanced(text: str) -> str:
    """Return the first enhanced code in a text, or an empty one."""
    found = ENHANCED.search(text)
    return found[0] if found else ""


def reply(text: str) -> str:
    """Return the first SMTP reply code in a text, or an empty one."""
    found = REPLY.search(text)
    return found[1] if found else ""


def status_of(stated: str, said: str) -> str:
    """Return the telling one of the stated code and the one in what the server said.

    Many a system states X.0.0, or 5.x.x for what the other end called 4.x.x.
    """
    code, theirs = enhanced(stated), enhanced(said)
    if theirs[:1] == "4" or not code or (code.endswith(".0.0") and theirs):
        return theirs or code
    return code


def weigh(status: str, said: str) -> RefusalScope:
    """Return what a refusal is about."""
    words, detail = folded(said), status[2:]
    if detail in NO_ADDRESS and not passing(status, said):
        return RefusalScope.GONE
    if detail.startswith("7.") or detail in NOT_WANTED:
        return RefusalScope.POLICY
    if detail in FOR_NOW or says(words, FULL):
        return RefusalScope.MAILBOX
    if passing(status, said):
        return RefusalScope.POLICY if says(words, BLOCKED) else RefusalScope.MAILBOX
    if says(words, GONE):
        return RefusalScope.GONE
    if says(words, BLOCKED):
        return RefusalScope.POLICY
    if says(words, PASSING):
        return RefusalScope.MAILBOX
    lasting = status.startswith("5") or reply(said)[:1] == "5" or says(words, PERMANENT)
    return RefusalScope.GONE if lasting else RefusalScope.MAILBOX


def passing(status: str, said: str) -> bool:
    """Whether a code says that it may pass: 4.x.x is never for good."""
    return status.startswith("4") or reply(said).startswith("4")


def about_mailbox(said: str) -> bool:
    """Whether a refusal kept as text is surely about the mailbox or its host."""
    status, words = enhanced(said), folded(said)
    if status[2:4] == "7." or status[2:] in NOT_WANTED:
        return False
    if says(words, FULL):
        return True
    return status[2:3] in tuple("1234") and not says(words, BLOCKED)
