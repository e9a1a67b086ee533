"""Files as they are handed in: each opened, recognised, and laid out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from flashmail.audience.roster.archive import is_archive, unpack
from flashmail.audience.roster.formats import PLAIN
from flashmail.audience.roster.layout import NOTHING, Layout, Mapped, lay_out
from flashmail.audience.roster.source import Row, Source, examine, is_hint, rows
from flashmail.errors import WrongInput


@dataclass(frozen=True)
class Sheet:
    """A file of people under its header; `header` is that as it stands in the file."""

    source: Source
    header: Row
    layout: Layout

    @property
    def name(self) -> str:
        return self.source.name

    def rows(self, passed: Callable[[int], None] = lambda done: None) -> Iterator[Row]:
        """Yield the rows below the header; tell `passed` how many bytes are read."""
        following = rows(self.source, passed)
        for row in following:
            if not is_hint(row.cells):
                break
        if not self.layout.has_header:
            yield from self._persons(self.header)
        for row in following:
            yield from self._persons(row)

    def _persons(self, row: Row) -> Iterator[Row]:
        if not self.layout.crowded:
            yield row
            return
        for cell in row.cells:
            if cell.strip():
                yield Row(row.line, [cell], row.problem)


@contextmanager
def sheets(
    files: Sequence[Path], *, mapped: Mapped = NOTHING, bare: bool = False
) -> Iterator[tuple[list[Sheet], list[str]]]:
    """Open files and what is in zips; yield the sheets, and what was left aside.

    With `bare` they are called by their names alone, wherever they lie.
    A file that cannot be read is refused, and then so are all.
    """
    with TemporaryDirectory(prefix="flashmail-") as folder:
        opened: list[Sheet] = []
        aside: list[str] = []
        for number, file in enumerate(map(Path, files)):
            called = file.name if bare else str(file)
            if is_archive(file):
                place = Path(folder) / str(number)
                place.mkdir()
                found, left = _archived(file, called, place, mapped)
                opened += found
                aside += left
            else:
                opened.append(_sheet(examine(file, called), file.name, mapped))
        yield opened, aside


def _archived(
    file: Path, called: str, folder: Path, mapped: Mapped
) -> tuple[list[Sheet], list[str]]:
    """Return the sheets of a zip that are lists of people, and notes on the others.

    Where some are a provider's exports, the others are that provider's business: lists
    of who opened what, for example.
    """
    found = []
    try:
        for member in unpack(file, folder):
            if member.path.stat().st_size:
                source = examine(member.path, f"{called}/{member.name}")
                found.append(_sheet(source, member.name, mapped))
    except WrongInput as problem:
        if str(problem).startswith(called):
            raise
        raise WrongInput(f"{called}: {problem}") from None
    lists = [each for each in found if each.layout.places("address")]
    exports = [each for each in lists if each.layout.format is not PLAIN]
    chosen = exports or lists
    if not chosen:
        raise WrongInput(f"{called}: there is no list of people in this zip")
    left = [each.name for each in found if each not in chosen]
    return chosen, [f"{name}: left aside, as it is no list of readers" for name in left]


def _sheet(source: Source, file: str, mapped: Mapped) -> Sheet:
    for row in rows(source, lambda done: None):
        if is_hint(row.cells):
            continue
        try:
            return Sheet(source, row, lay_out(row.cells, file=file, mapped=mapped))
        except WrongInput as problem:
            raise WrongInput(f"{source.name}, line {row.line}: {problem}") from None
    raise WrongInput(f"{source.name}: this file is empty")
