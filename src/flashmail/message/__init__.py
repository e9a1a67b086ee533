"""A message: a brief rendered, not yet addressed, with marks where readers differ."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

#: Where readers differ. No brief can hold these characters: reading drops them.
MARK = re.compile(r"\x01([^\x01\x02|]+)\|([^\x01\x02]*)\x02")

#: Fields that are a token: hexadecimal, of fixed width, one for each purpose.
#: WATCH stands in links: it is the reader's own, or without tracking the
#: same as everybody's. FIRST is that of the mail which this one corrects.
TOKEN, LEAVE, BOUNCE, WATCH, FIRST = "token", "leave", "bounce", "watch", "first"

TOKENS = frozenset({TOKEN, LEAVE, BOUNCE, WATCH, FIRST})

TOKEN_WIDTH = 48

#: The field of the pixel. Instead of a fallback, its mark has html with HERE in the
#: token's place: that is there where the field has a token, and else nothing is.
PIXEL, HERE = "pixel", "{}"


@dataclass(frozen=True)
class Message:
    """What every reader of a campaign gets.

    `subject` is plain text without marks. `html` and `text` are whole documents;
    `headers` are name and value of every header line but Subject, To, Date and
    those of MIME. All three, and `envelope_sender` (the RFC 5321 MAIL FROM), may hold
    marks. A mark in html stands for its value escaped, elsewhere for the plain value.
    """

    subject: str
    html: str
    text: str
    headers: tuple[tuple[str, str], ...] = ()
    envelope_sender: str = ""


def mark(field: str, fallback: str = "") -> str:
    """Return the mark for a field; the fallback serves readers that have no value."""
    return f"\x01{field}|{fallback}\x02"


def fields(text: str) -> set[str]:
    """Return the names of the fields that a text has marks for."""
    return {match[1] for match in MARK.finditer(text)}


@lru_cache(maxsize=16)
def used_fields(message: Message) -> frozenset[str]:
    """Return the names of the fields that differ by reader in a message's body."""
    return frozenset(fields(message.html) | fields(message.text))


def fill(text: str, value: Callable[[str], str]) -> str:
    """Return the text with each mark replaced by `value(field)`, or its fallback.

    The plain way to personalise, for previews and pages; mail goes through
    `message.mime`, which lays the marks out once for all readers.
    """

    def filled(match: re.Match[str]) -> str:
        if match[1] == PIXEL:
            return picture(match[2], value(PIXEL))
        return value(match[1]) or match[2]

    return MARK.sub(filled, text)


def picture(form: str, token: str) -> str:
    """Return the html of a pixel for a reader with a token; else nothing."""
    return form.replace(HERE, token) if token else ""
