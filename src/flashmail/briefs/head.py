"""The head of a published text: dateline and title, once or twice."""

import re
from collections.abc import Sequence
from datetime import date
from itertools import islice, takewhile
from typing import NamedTuple

from flashmail.briefs import headings
from flashmail.briefs.brief import Doubt
from flashmail.briefs.dates import Dated, NoSuchDay, read_date
from flashmail.briefs.errors import BriefError
from flashmail.briefs.lines import Line, key

#: How many lines may be above the first heading and still be the head's.
MOST_LINES = 12
LONGEST_TITLE = 300
LONGEST_DATELINE = 200

BETWEEN = re.compile(r"\s?[|•·]\s?|\s[—–-]\s")
LABEL = re.compile(r"(?:published|posted|updated|date)(?: on)?\s?:?\s", re.IGNORECASE)
SERIES = frozenset({"flash brief", "flash briefs", "fdd flash brief"})
EXAMPLE = "'April 23, 2024 | Flash Brief'"


class Head(NamedTuple):
    """What the head says, and the lines that follow or were not understood."""

    title: str
    date: date
    rest: list[Line]
    doubts: list[Doubt]


class Dateline(NamedTuple):
    """A line with a date, and what else it says."""

    line: Line
    dated: Dated
    others: list[str]


def read_head(lines: Sequence[Line]) -> Head:
    """Read title and date; raise BriefError if one is missing."""
    top = list(takewhile(lambda line: not _is_heading(line), islice(lines, MOST_LINES)))
    datelines = {line: found for line in top if (found := _dateline(line))}
    texts = [line for line in top if line not in datelines and not _is_series(line)]
    if not datelines:
        message = f"there is no date; begin with one, as in {EXAMPLE}"
        raise BriefError(f"line {lines[0].number}: {message}")
    title = _title(texts, lines[len(top) :] or lines[-1:])
    kept = [line for line in texts if key(line.text) != key(title)]
    first = next(iter(datelines.values()))
    doubts = _doubts(list(datelines.values()))
    return Head(title, first.dated.date, [*kept, *lines[len(top) :]], doubts)


def _title(texts: Sequence[Line], below: Sequence[Line]) -> str:
    if not texts:
        where = f"line {below[0].number}"
        raise BriefError(f"{where}: there is no title; put one above '{below[0].text}'")
    line = texts[0]
    if len(line.text) > LONGEST_TITLE:
        raise BriefError(
            f"line {line.number}: there is no title; what stands in its place has "
            f"{len(line.text):,} characters, a title at most {LONGEST_TITLE}"
        )
    return line.text.removeprefix("# ").strip()


def _dateline(line: Line) -> Dateline | None:
    if len(line.text) > LONGEST_DATELINE:
        return None
    dated = None
    others = []
    for piece in BETWEEN.split(LABEL.sub("", line.text, count=1)):
        found = None if dated else _date(line, piece)
        dated = dated or found
        if not found and piece and key(piece) not in SERIES:
            others.append(piece)
    return Dateline(line, dated, others) if dated else None


def _date(line: Line, piece: str) -> Dated | None:
    try:
        return read_date(piece)
    except NoSuchDay as error:
        raise BriefError(
            f"line {line.number}: '{piece}' is no day of the calendar ({error})"
        ) from error


def _doubts(datelines: Sequence[Dateline]) -> list[Doubt]:
    doubts = []
    first = datelines[0].dated
    if first.doubt:
        doubts.append(Doubt(datelines[0].line.number, first.doubt))
    for line, dated, others in datelines:
        if dated.date != first.date:
            message = f"another date, '{line.text}'; {first.date} was kept"
            doubts.append(Doubt(line.number, message))
        elif others:
            left_out = " | ".join(others)
            doubts.append(Doubt(line.number, f"left out beside the date: '{left_out}'"))
    return doubts


def _is_heading(line: Line) -> bool:
    return headings.is_known(headings.HASHES.sub("", line.text))


def _is_series(line: Line) -> bool:
    return len(line.text) <= LONGEST_DATELINE and key(line.text) in SERIES
