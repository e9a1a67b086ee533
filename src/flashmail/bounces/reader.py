"""Read one returned mail: its kind, the delivery it is about, and why."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from flashmail.bounces.dsn import read_feedback, read_status
from flashmail.bounces.mail import MimePart, enclosed, leaves, take_apart
from flashmail.bounces.prose import (
    answers_itself,
    asks_back,
    comes_from_a_daemon,
    is_receipt,
    read_prose,
    says_absent,
)
from flashmail.bounces.verdict import BounceKind, ParsedBounce, named, printable
from flashmail.message import TOKEN_WIDTH

#: The envelope sender of our mail, to which its bounces are addressed; and its
#: Message-ID (see `links`). Case may have been folded on the way.
ENVELOPE = re.compile(rf"(?<![0-9a-zA-Z])[bB]-([0-9a-fA-F]{{{TOKEN_WIDTH}}})@")

MESSAGE_ID = re.compile(rf"<([0-9a-fA-F]{{{TOKEN_WIDTH}}})@")

#: Header lines in which mail systems write the recipient of a bounce.
RECIPIENTS = (
    "X-Original-To",
    "Delivered-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Delivered-To",
    "To",
    "Return-Path",
)

ORIGINAL = ("Message-ID", "Return-Path", "X-Original-Message-ID")

ANSWERED = ("In-Reply-To", "References", "Original-Message-ID")

#: How much of a mail is searched where none of its header lines has a token.
SEARCHED = 256 * 1024


def token_of(mail: MimePart, raw: bytes) -> str:
    """Return the first token of ours, in lower case; empty if there is none."""
    for text in _places(mail, raw):
        found = ENVELOPE.search(text) or MESSAGE_ID.search(text)
        if found:
            return found[1].lower()
    return ""


def _places(mail: MimePart, raw: bytes) -> Iterator[str]:
    yield from mail.fields(*RECIPIENTS)
    for original in enclosed(mail):
        yield from original.fields(*ORIGINAL)
    for part in leaves(mail):
        yield part.text
    yield from mail.fields(*ANSWERED)
    yield raw[:SEARCHED].decode("latin-1")


def read_bounce(raw: bytes) -> ParsedBounce:
    """Return what a mail says, as far as it says anything. Never raises.

    The forms that programs write for programs come first: a delivery status is marked
    as an automatic answer too. What is left must come from a mail system to be a bounce
    and must not be a vacation note, whatever words it has.
    """
    mail = take_apart(raw)
    verdict = read_feedback(mail) or read_status(mail) or _other(mail)
    return replace(verdict, token=token_of(mail, raw), at=_moment(mail))


def _other(mail: MimePart) -> ParsedBounce:
    subject = printable(mail.field("Subject"))
    if asks_back(mail):
        return ParsedBounce(BounceKind.NONE, reason=subject)
    daemon = comes_from_a_daemon(mail)
    absent = says_absent(mail) or (is_receipt(mail) and not daemon)
    if daemon and not absent and (told := read_prose(mail)):
        return told
    if absent or answers_itself(mail) or is_receipt(mail):
        return ParsedBounce(
            BounceKind.AUTO_REPLY, reason=subject, sender=named(mail.field("From"))
        )
    return ParsedBounce(BounceKind.NONE, reason=subject)


def _moment(mail: MimePart) -> datetime | None:
    try:
        moment = parsedate_to_datetime(mail.field("Date"))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
