"""The end of a published text: related reading, then a run of topic tags."""

from collections.abc import Sequence
from typing import NamedTuple

from flashmail.briefs import headings, topics
from flashmail.briefs.brief import Doubt, Related
from flashmail.briefs.items import without_mark
from flashmail.briefs.lines import Line
from flashmail.briefs.related import read_related
from flashmail.briefs.signature import own_line
from flashmail.briefs.topics import Piece, Vocabulary, looks_cut

#: A word about the publisher may follow the tags.
IMPRINT_LINES = 4


class Tail(NamedTuple):
    """What stands at the end, and the lines above it."""

    related: list[Related]
    topics: list[str]
    rest: list[Line]
    doubts: list[Doubt]


def read_tail(lines: Sequence[Line], vocabulary: Vocabulary) -> Tail:
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


def _lone_related(line: Line) -> Related | None:
    return read_related(without_mark(line.text), strict=False)


def _take_topics(
    rest: list[Line], vocabulary: Vocabulary
) -> tuple[list[str], list[Doubt]]:
    """Take the lines of tags; above the last one only tags that are all known."""
    found: list[str] = []
    doubts: list[Doubt] = []
    while rest:
        pieces = _tags(rest, vocabulary, last=not (found or doubts))
        if pieces is None:
            break
        line = rest.pop()
        found[:0] = [piece.topic for piece in pieces if piece.topic is not None]
        doubts += [
            Doubt(line.number, _unknown(piece.text, vocabulary))
            for piece in pieces
            if piece.topic is None
        ]
    if (found or doubts) and rest and topics.labelled(rest[-1].text) == "":
        rest.pop()
    return found, doubts


def _take_topics_above_imprint(rest: list[Line], vocabulary: Vocabulary) -> list[str]:
    """Take a line of nothing but topics that stands a little above the end."""
    for index in range(len(rest) - 1, max(0, len(rest) - 1 - IMPRINT_LINES), -1):
        text = rest[index].text
        pieces = vocabulary.cut(text) if len(text) <= topics.LONGEST else []
        if len(pieces) > 1 and all(piece.topic for piece in pieces):
            rest.pop(index)
            return [piece.topic for piece in pieces if piece.topic is not None]
    return []


def _tags(
    rest: Sequence[Line], vocabulary: Vocabulary, *, last: bool
) -> list[Piece] | None:
    """Return the pieces of the lowest line's tags, or None if it is something else."""
    text = rest[-1].text
    run = topics.labelled(text)
    if run is not None:
        pieces = vocabulary.cut(run)
        return (
            pieces if topics.looks_like_a_run(run) or looks_cut(run, pieces) else None
        )
    if len(text) > topics.LONGEST:
        return None
    pieces = vocabulary.cut(text)
    if all(piece.topic for piece in pieces):
        return pieces
    sure = looks_cut(text, pieces) or _can_only_be_tags(text)
    return pieces if last and sure else None


def _can_only_be_tags(text: str) -> bool:
    """Say whether the last line is nothing else, though no topic in it is known."""
    return (
        topics.looks_like_a_run(text)
        and not headings.is_known(text)
        and not headings.is_for_related(text)
        and not own_line(text, dash=False)
        and not read_related(text, strict=False)
    )


def _unknown(text: str, vocabulary: Vocabulary) -> str:
    if vocabulary:
        return f"no such topic: '{text}'; add it to the topics or mend the spelling"
    return f"not cut into topics, for none are given: '{text}'"
