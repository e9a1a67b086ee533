"""The lines of a published text, tidied, each with its number."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

#: What cannot be seen and means nothing: soft hyphen, zero-width space, word joiner,
#: byte order mark. Joiners that Persian and emoji need stay, as do marks of direction.
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")

NOT_A_WORD = re.compile(r"[\W_]+")

#: A text with longer lines than this has a line for each paragraph.
WIDEST_WRAPPED = 120


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
    """Return the lines that are not blank; a wrapped paragraph is one line again."""
    lines = []
    apart = True
    for number, raw in enumerate(text.split("\n"), start=1):
        tidied = tidy(raw)
        if tidied:
            lines.append(Line(number, tidied, apart))
        apart = not tidied
    return _unwrapped(lines)


def _unwrapped(lines: Sequence[Line]) -> list[Line]:
    """Join lines that were broken to a width.

    A line was broken if the next word would not have fitted. If most lines that have
    a neighbour look so, the text is wrapped; else it merely lacks blank lines.
    """
    width = max((len(line.text) for line in lines), default=0)
    neighbours = [pair for pair in pairwise(lines) if not pair[1].apart]
    broken = [_was_broken(above, below, width) for above, below in neighbours]
    if width > WIDEST_WRAPPED or sum(broken) < 3 or sum(broken) < len(broken) * 0.6:
        return list(lines)
    return _joined(lines, width)


def _was_broken(above: Line, below: Line, width: int) -> bool:
    return len(above.text) + 1 + len(below.text.split(" ", 1)[0]) > width


def _joined(lines: Sequence[Line], width: int) -> list[Line]:
    paragraphs = [[lines[0]]]
    for above, below in pairwise(lines):
        if below.apart or not _was_broken(above, below, width):
            paragraphs.append([])
        paragraphs[-1].append(below)
    return [
        Line(parts[0].number, " ".join(part.text for part in parts), parts[0].apart)
        for parts in paragraphs
    ]
