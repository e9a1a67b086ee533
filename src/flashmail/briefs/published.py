"""The head of a published text: dateline and title, once or twice."""

import re
from collections.abc import Sequence
from datetime import date
from itertools import islice, takewhile
from typing import NamedTuple

from flashmail.briefs import lines as headings
from flashmail.briefs import topic_tags
from flashmail.briefs.attribution import own_line, read_related
from flashmail.briefs.brief import Brief, ParseWarning, Related
from flashmail.briefs.dates import Dated, NoSuchDay, read_date
from flashmail.briefs.lines import TextLine, key, read_lines, unwrapped, without_mark
from flashmail.briefs.published_body import read_body
from flashmail.briefs.topic_tags import TagMatch, Vocabulary, looks_cut
from flashmail.errors import BriefError

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
    rest: list[TextLine]
    doubts: list[ParseWarning]


class Dateline(NamedTuple):
    """A line with a date, and what else it says."""

    line: TextLine
    dated: Dated
    others: list[str]


def read_head(lines: Sequence[TextLine]) -> Head:
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


def _title(texts: Sequence[TextLine], below: Sequence[TextLine]) -> str:
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


def _dateline(line: TextLine) -> Dateline | None:
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


def _date(line: TextLine, piece: str) -> Dated | None:
    try:
        return read_date(piece)
    except NoSuchDay as error:
        raise BriefError(
            f"line {line.number}: '{piece}' is no day of the calendar ({error})"
        ) from error


def _doubts(datelines: Sequence[Dateline]) -> list[ParseWarning]:
    doubts = []
    first = datelines[0].dated
    if first.doubt:
        doubts.append(ParseWarning(datelines[0].line.number, first.doubt))
    for line, dated, others in datelines:
        if dated.date != first.date:
            message = f"another date, '{line.text}'; {first.date} was kept"
            doubts.append(ParseWarning(line.number, message))
        elif others:
            left_out = " | ".join(others)
            doubts.append(
                ParseWarning(line.number, f"left out beside the date: '{left_out}'")
            )
    return doubts


def _is_heading(line: TextLine) -> bool:
    return headings.is_known(headings.HASHES.sub("", line.text))


def _is_series(line: TextLine) -> bool:
    return len(line.text) <= LONGEST_DATELINE and key(line.text) in SERIES


#: A word about the publisher may follow the tags.
IMPRINT_LINES = 4


class Tail(NamedTuple):
    """What stands at the end, and the lines above it."""

    related: list[Related]
    topics: list[str]
    rest: list[TextLine]
    doubts: list[ParseWarning]


def read_tail(lines: Sequence[TextLine], vocabulary: Vocabulary) -> Tail:
    """Take topics and related reading off the end."""
    rest = list(lines)
    found, doubts = _take_topics(rest, vocabulary)
    if not found and not doubts:
        found = _take_topics_above_imprint(rest, vocabulary)
    related: list[Related] = []
    while rest and (reading := _lone_related(rest[-1])):
        related.append(reading)
        rest.pop()
    if rest and headings.is_for_related(rest[-1].text):
        rest.pop()
    return Tail(related[::-1], list(dict.fromkeys(found)), rest, doubts)


def _lone_related(line: TextLine) -> Related | None:
    return read_related(without_mark(line.text), strict=False)


def _take_topics(
    rest: list[TextLine], vocabulary: Vocabulary
) -> tuple[list[str], list[ParseWarning]]:
    """Take the lines of tags; above the last one only tags that are all known."""
    found: list[str] = []
    doubts: list[ParseWarning] = []
    while rest:
        pieces = _tags(rest, vocabulary, last=not (found or doubts))
        if pieces is None:
            break
        line = rest.pop()
        found[:0] = [piece.topic for piece in pieces if piece.topic is not None]
        doubts += [
            ParseWarning(line.number, _unknown(piece.text, vocabulary))
            for piece in pieces
            if piece.topic is None
        ]
    if (found or doubts) and rest and topic_tags.labelled(rest[-1].text) == "":
        rest.pop()
    return found, doubts


def _take_topics_above_imprint(
    rest: list[TextLine], vocabulary: Vocabulary
) -> list[str]:
    """Take a line of nothing but topics that stands a little above the end."""
    for index in range(len(rest) - 1, max(0, len(rest) - 1 - IMPRINT_LINES), -1):
        text = rest[index].text
        pieces = vocabulary.cut(text) if len(text) <= topic_tags.LONGEST else []
        if len(pieces) > 1 and all(piece.topic for piece in pieces):
            rest.pop(index)
            return [piece.topic for piece in pieces if piece.topic is not None]
    return []


def _tags(
    rest: Sequence[TextLine], vocabulary: Vocabulary, *, last: bool
) -> list[TagMatch] | None:
    """Return the pieces of the lowest line's tags, or None if it is something else."""
    text = rest[-1].text
    run = topic_tags.labelled(text)
    if run is not None:
        pieces = vocabulary.cut(run)
        return (
            pieces
            if topic_tags.looks_like_a_run(run) or looks_cut(run, pieces)
            else None
        )
    if len(text) > topic_tags.LONGEST:
        return None
    pieces = vocabulary.cut(text)
    if all(piece.topic for piece in pieces):
        return pieces
    sure = looks_cut(text, pieces) or _can_only_be_tags(text)
    return pieces if last and sure else None


def _can_only_be_tags(text: str) -> bool:
    """Say whether the last line is nothing else, though no topic in it is known."""
    return (
        topic_tags.looks_like_a_run(text)
        and not headings.is_known(text)
        and not headings.is_for_related(text)
        and not own_line(text, dash=False)
        and not read_related(text, strict=False)
    )


def _unknown(text: str, vocabulary: Vocabulary) -> str:
    if vocabulary:
        return f"no such topic: '{text}'; add it to the topics or mend the spelling"
    return f"not cut into topics, for none are given: '{text}'"


def read_published(text: str, vocabulary: Vocabulary) -> Brief:
    """Read head, tail and what is between; doubt whatever is not clear."""
    head = read_head(read_lines(text))
    tail = read_tail(unwrapped(head.rest), vocabulary)
    body = read_body(tail.rest)
    return Brief(
        title=head.title,
        date=head.date,
        sections=body.sections,
        quotes=body.quotes,
        related=(*body.related, *tail.related),
        topics=tuple(tail.topics),
        doubts=(*head.doubts, *body.doubts, *tail.doubts),
    )
