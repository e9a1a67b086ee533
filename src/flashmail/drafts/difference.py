"""The difference between two forms of a draft, by line and by word. Pure."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import NamedTuple

WORD = re.compile(r"\s+|[^\W_]+|.")

#: Comparing word by word takes the square of their number.
MOST_WORDS = 2_000
MOST_LINES = 3_000

#: How many equal lines are shown around what differs.
AROUND = 2


class Piece(NamedTuple):
    """A run of words: `same`, `gone` or `new`."""

    kind: str
    text: str


class Row(NamedTuple):
    """A line of either form, in pieces; `skipped` counts equal lines left out here."""

    pieces: tuple[Piece, ...]
    skipped: int = 0

    @property
    def kind(self) -> str:
        """What became of the line as a whole."""
        kinds = {piece.kind for piece in self.pieces if piece.text.strip()}
        return kinds.pop() if len(kinds) == 1 else "changed" if kinds else "same"


def difference(before: str, after: str) -> list[Row]:
    """Return what changed, with a little of what did not around it."""
    return list(_with_little_around(list(_rows(before, after))))


def _rows(before: str, after: str) -> Iterator[Row]:
    old, new = before.split("\n"), after.split("\n")
    if max(len(old), len(new)) > MOST_LINES:
        yield Row((Piece("gone", before),))
        yield Row((Piece("new", after),))
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            yield from (Row((Piece("same", line),)) for line in old[a:b])
        else:
            yield from _changed(old[a:b], new[c:d])


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    for gone, come in zip_longest(old, new):
        if gone is None or come is None:
            kind = "new" if gone is None else "gone"
            yield Row((Piece(kind, come if gone is None else gone),))
        else:
            yield Row(tuple(_words(gone, come)))


def _words(before: str, after: str) -> Iterator[Piece]:
    old, new = WORD.findall(before), WORD.findall(after)
    if max(len(old), len(new)) > MOST_WORDS:
        yield from (Piece("gone", before), Piece("new", after))
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            yield Piece("same", "".join(old[a:b]))
            continue
        if a < b:
            yield Piece("gone", "".join(old[a:b]))
        if c < d:
            yield Piece("new", "".join(new[c:d]))


def _with_little_around(rows: Sequence[Row]) -> Iterator[Row]:
    changed = [n for n, row in enumerate(rows) if row.kind != "same"]
    near = {m for n in changed for m in range(n - AROUND, n + AROUND + 1)}
    skipped = 0
    for n, row in enumerate(rows):
        if n in near:
            if skipped:
                yield Row((), skipped)
            skipped = 0
            yield row
        else:
            skipped += 1
    if skipped and changed:
        yield Row((), skipped)
