"""Read one mail that came back: what kind it is, whom it is about, and why."""

from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from flashmail.tracking.bounces.addresses import named
from flashmail.tracking.bounces.feedback import read_feedback
from flashmail.tracking.bounces.mail import Part, take_apart
from flashmail.tracking.bounces.prose import comes_from_a_daemon, read_prose
from flashmail.tracking.bounces.replies import (
    answers_itself,
    asks_back,
    is_receipt,
    says_absent,
)
from flashmail.tracking.bounces.status import read_status
from flashmail.tracking.bounces.tokens import token_of
from flashmail.tracking.bounces.verdict import Kind, Verdict, printable


def read_bounce(raw: bytes) -> Verdict:
    """Return what a mail says, as far as it says anything. Never raises.

    The forms that programs write for programs come first: a delivery status is marked
    as an automatic answer too. What is left must come from a mail system to be a bounce
    and must not be a vacation note, whatever words it has.
    """
    mail = take_apart(raw)
    verdict = read_feedback(mail) or read_status(mail) or _other(mail)
    return replace(verdict, token=token_of(mail, raw), at=_moment(mail))


def _other(mail: Part) -> Verdict:
    subject = printable(mail.field("Subject"))
    if asks_back(mail):
        return Verdict(Kind.NONE, reason=subject)
    daemon = comes_from_a_daemon(mail)
    absent = says_absent(mail) or (is_receipt(mail) and not daemon)
    if daemon and not absent and (told := read_prose(mail)):
        return told
    if absent or answers_itself(mail) or is_receipt(mail):
        return Verdict(
            Kind.AUTO_REPLY, reason=subject, sender=named(mail.field("From"))
        )
    return Verdict(Kind.NONE, reason=subject)


def _moment(mail: Part) -> datetime | None:
    try:
        moment = parsedate_to_datetime(mail.field("Date"))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
