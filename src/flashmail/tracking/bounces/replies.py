"""Answers by machines that are no bounces (RFC 3834), however much they look it."""

from flashmail.tracking.bounces.mail import Part, leaves
from flashmail.tracking.bounces.phrases import ABSENT, CHALLENGE, folded, says

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


def asks_back(mail: Part) -> bool:
    """Whether somebody's filter wants us to prove that we are a person."""
    subject = folded(mail.field("Subject"))
    return bool(says(subject, CHALLENGE)) or any(map(mail.field, CHALLENGERS))


def is_receipt(mail: Part) -> bool:
    return any(part.type == RECEIPT for part in leaves(mail))


def says_absent(mail: Part) -> bool:
    """Whether the subject is that of an answer by a machine, in some language."""
    subject = folded(mail.field("Subject"))
    for before in BEFORE:
        subject = subject.removeprefix(before)
    return subject.startswith(ABSENT)


def answers_itself(mail: Part) -> bool:
    """Whether a header line says that no person wrote this (RFC 3834, section 5)."""
    submitted = mail.field("Auto-Submitted").lower().partition(";")[0]
    words = submitted.partition("(")[0].split()
    return (
        words not in ([], ["no"])
        or mail.field("Precedence").lower() in ANSWERS
        or mail.field("Delivered-To").lower() == "autoresponder"
        or any(map(mail.field, MARKS))
    )
