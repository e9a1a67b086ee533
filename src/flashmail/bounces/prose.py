"""Bounces in prose: what qmail, Exim, Gmail and many others write for people.

flufl.bounce knows the forms of some twenty systems and finds the address. It reads no
codes and no other languages, and calls a full mailbox permanent: that is done here.
"""

import logging
from collections.abc import Iterator
from email.message import EmailMessage

from flufl.bounce import all_failures

from flashmail.bounces.codes import RefusalScope, reply, status_of, weigh
from flashmail.bounces.dsn import verdict_of
from flashmail.bounces.mail import MimePart, enclosed, leaves
from flashmail.bounces.phrases import (
    ABSENT,
    BLOCKED,
    CHALLENGE,
    COPY,
    DELAYED,
    FULL,
    GONE,
    PERMANENT,
    UNDELIVERED,
    folded,
    says,
)
from flashmail.bounces.verdict import (
    BounceKind,
    ParsedBounce,
    addresses,
    named,
    printable,
)

#: flufl.bounce's patterns take quadratic time in a line's length: it gets short ones.
LINE_LENGTH, NOTICE_LENGTH = 240, 16_000

#: Senders of bounces: local parts, and names that no person has.
DAEMONS = ("mailer-daemon", "mailerdaemon", "mail-daemon", "maildaemon", "postmaster")

DAEMON_NAMES = (
    "mail delivery",
    "mailer-daemon",
    "mail administrator",
    "system administrator",
    "internet mail delivery",
    "delivery subsystem",
    "maildaemon",
    "postmaster",
)

#: How people answer and pass on.
PASSED_ON = ("re:", "fw:", "fwd:", "aw:", "wg:", "sv:", "tr:", "rv:", "i:", "odp:")

FAILED_RECIPIENTS = ("X-Failed-Recipients", "X-Actual-Recipients")

Words = tuple[str, ...]

#: What a notice may be known by, besides an address that flufl.bounce finds.
EVIDENCE: Words = (*UNDELIVERED, *PERMANENT, *GONE, *FULL)


def comes_from_a_daemon(mail: MimePart) -> bool:
    """Whether a mail system wrote this; a person's words are never read as a bounce."""
    sender = mail.field("From").lower()
    # parseaddr() calls itself for each bracket.
    local, name = named(sender).partition("@")[0], sender.lstrip(' "<')
    if local.startswith(DAEMONS) or name.startswith(DAEMON_NAMES):
        return True
    if any(map(mail.field, FAILED_RECIPIENTS)):
        return True
    subject = folded(mail.field("Subject"))
    told = says(subject, UNDELIVERED) and not subject.startswith(PASSED_ON)
    return bool(told) and (not sender or mail.field("Return-Path") == "<>")


def read_prose(mail: MimePart) -> ParsedBounce | None:
    """Return what a notice says; None if it tells of no failure."""
    notice = notice_of(mail)
    subject = mail.field("Subject")
    words = folded(f"{subject}\n{notice}")
    if says(words, DELAYED):
        return ParsedBounce(
            BounceKind.NONE, reason=printable(f"not given up yet: {subject}")
        )
    if "final-recipient:" in words and (found := verdict_of(notice)):
        return found
    failed = _failed(mail, notice)
    status = status_of("", notice)
    address = _ours(failed or list(addresses(notice)), mail)
    coded = bool(address and (status or reply(notice)))
    if not (failed or coded or says(words, EVIDENCE)):
        return None
    gone = weigh(status, notice) is RefusalScope.GONE
    reason = printable(_telling(notice, status)) or printable(subject)
    return ParsedBounce(
        BounceKind.HARD if gone else BounceKind.SOFT, address, status, reason
    )


def notice_of(mail: MimePart) -> str:
    """Return what the mail system wrote, without the mail that it repeats."""
    texts = [part for part in leaves(mail) if part.type.startswith("text/")]
    plain = [part for part in texts if part.type != "text/html"] or texts
    text = "\n".join(part.text for part in plain[:4])[:NOTICE_LENGTH]
    return "\n".join(_until_copy(text))


def _until_copy(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines()):
        # "This is a copy of ..." may be how a notice begins, not where it ends.
        short = line.strip(" -*=_>:.\t").lower()
        rule = line.lstrip().startswith(("---", "===", "***")) or line.endswith(":")
        if number and (rule or len(short) < 40) and says(short + " -----", COPY):
            return
        yield line


def _failed(mail: MimePart, notice: str) -> list[str]:
    """Return the addresses that flufl.bounce finds."""
    slim = EmailMessage()
    lines = [line[:LINE_LENGTH] for line in notice.splitlines()]
    slim.set_content("\n".join(lines) + "\n", cte="8bit")
    slim["From"] = named(mail.field("From")) or "mailer-daemon@localhost"
    found = [
        address
        for value in mail.fields(*FAILED_RECIPIENTS)
        for address in addresses(value)
    ]
    try:
        temporary, permanent = all_failures(slim)
    except Exception:
        # Its detectors raise whatever the decoders below them do.
        logging.getLogger(__name__).info("a notice could not be read", exc_info=True)
        return found
    failures = sorted(each.decode("ascii", "replace") for each in permanent | temporary)
    return found + [address for each in failures if (address := named(each))]


def _ours(candidates: list[str], mail: MimePart) -> str:
    """Return the one the enclosed mail was for, or else the first that may be it."""
    written = {
        named(value).lower() for each in enclosed(mail) for value in each.fields("To")
    }
    for address in candidates:
        if address.lower() in written:
            return address
    theirs = {named(mail.field("From")).lower(), named(mail.field("To")).lower()}
    return next(
        (
            each
            for each in candidates
            if each.lower() not in theirs and not each.lower().startswith(DAEMONS)
        ),
        "",
    )


def _telling(notice: str, status: str) -> str:
    """Return the line of a notice that says why, with the one that follows it."""
    lines = [line.strip() for line in notice.splitlines() if line.strip()]
    for phrases in ((), (*FULL, *GONE, *BLOCKED), (*PERMANENT, *UNDELIVERED)):
        for number, line in enumerate(lines):
            code = not phrases and (status in line if status else bool(reply(line)))
            if code or says(folded(line), phrases):
                return " ".join(lines[number : number + 2])
    return ""


#: Header lines that only answering machines write.
MARKS = (
    "X-Autoreply",
    "X-Auto-Reply",
    "X-Autoreply-From",
    "X-Auto-Reply-From",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Auto-Response-From",
    "X-Mail-Autoreply",
    "X-Vacation",
    "Vacation-Reply",
)

#: And those of filters that ask back.
CHALLENGERS = (
    "X-TMDA-Challenge",
    "X-TMDA-Fingerprint",
    "X-Boxtrapper",
    "X-Spamarrest-Challenge",
    "X-ChoiceMail-Registration-Request",
    "X-Challenge-Response",
)

ANSWERS = frozenset({"auto_reply", "auto-reply", "autoreply"})

#: RFC 8098: a receipt for a mail that arrived.
RECEIPT = "message/disposition-notification"

BEFORE = ("re: ", "aw: ", "fwd: ", "[auto] ", "sv: ", "odp: ")


def asks_back(mail: MimePart) -> bool:
    """Whether somebody's filter wants us to prove that we are a person."""
    subject = folded(mail.field("Subject"))
    return bool(says(subject, CHALLENGE)) or any(map(mail.field, CHALLENGERS))


def is_receipt(mail: MimePart) -> bool:
    return any(part.type == RECEIPT for part in leaves(mail))


def says_absent(mail: MimePart) -> bool:
    """Whether the subject is that of an answer by a machine, in some language."""
    subject = folded(mail.field("Subject"))
    for before in BEFORE:
        subject = subject.removeprefix(before)
    return subject.startswith(ABSENT)


def answers_itself(mail: MimePart) -> bool:
    """Whether a header line says that no person wrote this (RFC 3834, section 5)."""
    submitted = mail.field("Auto-Submitted").lower().partition(";")[0]
    words = submitted.partition("(")[0].split()
    return (
        words not in ([], ["no"])
        or mail.field("Precedence").lower() in ANSWERS
        or mail.field("Delivered-To").lower() == "autoresponder"
        or any(map(mail.field, MARKS))
    )
