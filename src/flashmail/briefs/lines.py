"""Headings: those every brief has, and those that only look like one."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from flashmail.briefs import attribution
from flashmail.briefs.brief import SectionKind

MARK = re.compile(r"[•‣◦▪●∙]\s*(?=\S)|[-*+·–]\s+(?=\S)|\d{1,2}[.)]\s+(?=\S)")


def is_item(text: str) -> bool:
    """Say whether a paragraph is marked as an item of a list."""
    return bool(MARK.match(text))


def without_mark(text: str) -> str:
    """Return what the item says."""
    return MARK.sub("", text, count=1) if is_item(text) else text


def marked(text: str) -> str:
    """Return an item with the mark that items have in a Brief."""
    return f"- {without_mark(text)}" if is_item(text) else text


#: What cannot be seen and means nothing: soft hyphen, zero-width space, word joiner,
#: byte order mark. Joiners that Persian and emoji need stay, as do marks of direction.
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")

NOT_A_WORD = re.compile(r"[\W_]+")


class TextLine(NamedTuple):
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


def read_lines(text: str) -> list[TextLine]:
    """Return the lines that are not blank."""
    lines = []
    apart = True
    for number, raw in enumerate(text.split("\n"), start=1):
        tidied = tidy(raw)
        if tidied:
            lines.append(TextLine(number, tidied, apart))
        apart = not tidied
    return lines


LATEST = "Latest Developments"

ANALYSIS = "Expert Analysis"

#: Headings that tell what a section is for; any other is the background's.
KINDS = {
    "latest developments": SectionKind.LATEST,
    "latest development": SectionKind.LATEST,
    "expert analysis": SectionKind.ANALYSIS,
    "expert analyses": SectionKind.ANALYSIS,
    "expert commentary": SectionKind.ANALYSIS,
    "background": SectionKind.BACKGROUND,
}

RELATED = re.compile(
    r"related(?: readings?| analysis| articles| content)?|further reading|read more"
)

LONGEST = 120

MOST_WORDS = 18

HASHES = re.compile(r"#{1,6}\s+(?=\S)")

WITH_TEXT = re.compile(
    r"(?P<heading>latest developments?|expert analys[ie]s)\s?(?::|[—–]|--?\s)\s?"
    r"(?P<text>\S.*)",
    re.IGNORECASE,
)

NOT_AT_THE_END = '.,;:…—–-”"’»'

SENTENCE_END = '.!?…:”"’»'


def kind_of(heading: str) -> SectionKind:
    """Return what a section with this heading is for."""
    return KINDS.get(key(heading), SectionKind.BACKGROUND)


def is_known(text: str) -> bool:
    """Say whether a line is one of the headings that every brief has."""
    return len(text) <= LONGEST and key(text) in KINDS


def is_for_related(text: str) -> bool:
    """Say whether a line stands above related reading."""
    return len(text) <= LONGEST and bool(RELATED.fullmatch(key(text)))


def split_known(line: TextLine) -> list[TextLine]:
    """Return a line as two if it begins with a known heading and goes on."""
    match = WITH_TEXT.fullmatch(line.text)
    if not match or is_known(line.text):
        return [line]
    return [line._replace(text=match["heading"]), TextLine(line.number, match["text"])]


def read_heading(line: TextLine, below: TextLine | None) -> str | None:
    """Return the heading that a line is, or None.

    A heading that is not known is short, does not end like a sentence, and has
    something longer below it.
    """
    hashes = HASHES.match(line.text)
    text = line.text[hashes.end() :] if hashes else line.text
    if hashes or is_known(text):
        return text.strip("*").rstrip(":").strip() or text
    return text if below and _looks_like_one(text) and _is_prose(text, below) else None


def _looks_like_one(text: str) -> bool:
    if len(text) > LONGEST or len(text.split()) > MOST_WORDS or is_item(text):
        return False
    begins_well = text[0].isalnum() or attribution.opens(text)
    return begins_well and not text[0].islower() and text[-1] not in NOT_AT_THE_END


def _is_prose(text: str, below: TextLine) -> bool:
    if is_item(below.text):
        return True
    return (len(below.text) > len(text) and below.text[-1] in SENTENCE_END) or (
        len(below.text) > LONGEST
    )


#: A text with longer lines than this has a line for each paragraph.
WIDEST = 120


def unwrapped(lines: Sequence[TextLine]) -> list[TextLine]:
    """Join lines that were broken to a width.

    A line was broken if the next word would not have fitted. If most lines that have
    a neighbour look so, the text is wrapped; else it merely lacks blank lines.
    """
    width = max((len(line.text) for line in lines), default=0)
    neighbours = [pair for pair in pairwise(lines) if not pair[1].apart]
    broken = [_was_broken(above, below, width) for above, below in neighbours]
    if width > WIDEST or sum(broken) < 3 or sum(broken) < len(broken) * 0.6:
        return list(lines)
    return _joined(lines, width)


def _was_broken(above: TextLine, below: TextLine, width: int) -> bool:
    if is_item(below.text) or is_known(below.text):
        return False
    return len(above.text) + 1 + len(below.text.split(" ", 1)[0]) > width


def _joined(lines: Sequence[TextLine], width: int) -> list[TextLine]:
    paragraphs = [[lines[0]]]
    for above, below in pairwise(lines):
        if below.apart or not _was_broken(above, below, width):
            paragraphs.append([])
        paragraphs[-1].append(below)
    return [
        TextLine(parts[0].number, " ".join(part.text for part in parts), parts[0].apart)
        for parts in paragraphs
    ]
