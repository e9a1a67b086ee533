"""Lines that were broken to a width, as mails and old editors do."""

from collections.abc import Sequence
from itertools import pairwise

from flashmail.briefs import headings
from flashmail.briefs.items import is_item
from flashmail.briefs.lines import Line

#: A text with longer lines than this has a line for each paragraph.
WIDEST = 120


def unwrapped(lines: Sequence[Line]) -> list[Line]:
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


def _was_broken(above: Line, below: Line, width: int) -> bool:
    if is_item(below.text) or headings.is_known(below.text):
        return False
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
