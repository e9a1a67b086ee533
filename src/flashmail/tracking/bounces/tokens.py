"""Where our token stands in a mail that came back."""

import re
from collections.abc import Iterator

from flashmail.message import TOKEN_WIDTH
from flashmail.tracking.bounces.mail import Part, enclosed, leaves

#: The envelope sender of our mail, which is whom its bounces are for; and its
#: Message-ID (see `links`). Case may have been folded on the way.
ENVELOPE = re.compile(rf"(?<![0-9a-zA-Z])[bB]-([0-9a-fA-F]{{{TOKEN_WIDTH}}})@")
MESSAGE_ID = re.compile(rf"<([0-9a-fA-F]{{{TOKEN_WIDTH}}})@")

#: Header lines in which mail systems write whom they delivered a bounce to.
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


def token_of(mail: Part, raw: bytes) -> str:
    """Return the first token of ours, in lower case; empty if there is none."""
    for text in _places(mail, raw):
        found = ENVELOPE.search(text) or MESSAGE_ID.search(text)
        if found:
            return found[1].lower()
    return ""


def _places(mail: Part, raw: bytes) -> Iterator[str]:
    yield from mail.fields(*RECIPIENTS)
    for original in enclosed(mail):
        yield from original.fields(*ORIGINAL)
    for part in leaves(mail):
        yield part.text
    yield from mail.fields(*ANSWERED)
    yield raw[:SEARCHED].decode("latin-1")
