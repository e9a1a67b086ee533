"""The lines of a published text, tidied, each with its number."""

import re
from typing import NamedTuple

#: What cannot be seen and means nothing: soft hyphen, zero-width space, word joiner,
#: byte order mark. Joiners that Persian and emoji need stay, as do marks of direction.
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")

NOT_A_WORD = re.compile(r"[\W_]+")


class Line(NamedTuple):
    """A line that says something; `apart` when nothing stands directly above it."""

    number: int
    text: str
    apart: bool = True


def tidy(text: str) -> str:
    """Return the text with one plain space where there was any space."""
    return " ".join(INVISIBLE.sub("", text).split())


def key(text: str) -> str:
    """Return what makes two lines the same to a reader: words, in any case."""
    return NOT_A_WORD.sub(" ", text).strip().casefold() or text


def read_lines(text: str) -> list[Line]:
    """Return the lines that are not blank."""
    lines = []
    apart = True
    for number, raw in enumerate(text.split("\n"), start=1):
        tidied = tidy(raw)
        if tidied:
            lines.append(Line(number, tidied, apart))
        apart = not tidied
    return lines
