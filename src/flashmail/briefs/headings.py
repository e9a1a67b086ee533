"""Headings: those every brief has, and those that only look like one."""

import re

from flashmail.briefs import marks
from flashmail.briefs.brief import SectionKind
from flashmail.briefs.items import is_item
from flashmail.briefs.lines import Line, key

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


def split_known(line: Line) -> list[Line]:
    """Return a line as two if it begins with a known heading and goes on."""
    match = WITH_TEXT.fullmatch(line.text)
    if not match or is_known(line.text):
        return [line]
    return [line._replace(text=match["heading"]), Line(line.number, match["text"])]


def read_heading(line: Line, below: Line | None) -> str | None:
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
    begins_well = text[0].isalnum() or marks.opens(text)
    return begins_well and not text[0].islower() and text[-1] not in NOT_AT_THE_END


def _is_prose(text: str, below: Line) -> bool:
    if is_item(below.text):
        return True
    return (len(below.text) > len(text) and below.text[-1] in SENTENCE_END) or (
        len(below.text) > LONGEST
    )
