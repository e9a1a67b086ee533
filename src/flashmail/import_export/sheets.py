"""Files as they are handed in: each opened, recognised, and laid out."""

import stat
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from flashmail.errors import WrongInput
from flashmail.import_export.files import CsvFile, CsvRow, examine, is_hint, rows
from flashmail.import_export.formats import PLAIN
from flashmail.import_export.mapping import NOTHING, ColumnMapping, Mapped, lay_out

#: Bytes of one member and of all, and how many a packed byte may become: a million
#: readers are some 100 MB, and packing makes text as even as theirs ten times smaller.
LARGEST, LARGEST_ALL, RATIO = 1 << 30, 2 << 30, 200

#: So much is unpacked whatever the ratio, as small things shrink oddly.
INNOCENT = 1 << 20

MOST_MEMBERS = 20_000

CHUNK = 1 << 20

LISTS = frozenset({".csv", ".tsv", ".txt"})


class Member(NamedTuple):
    """A member that may be a list of people: its name in the zip, and a copy of it."""

    name: str
    path: Path


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip; one that only seems so is not."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04" and zipfile.is_zipfile(file)
    except OSError:
        return False


def unpack(path: Path, folder: Path) -> Iterator[Member]:
    """Copy the lists of a zip into a folder, under names of our own.

    Raises WrongInput for a bomb, a locked or broken zip, and an Excel workbook.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _members(archive, folder)
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError) as problem:
        raise WrongInput(f"this zip cannot be read: {problem}") from None


def _members(archive: zipfile.ZipFile, folder: Path) -> Iterator[Member]:
    infos = archive.infolist()
    if any(info.filename == "[Content_Types].xml" for info in infos):
        raise WrongInput("this is an Excel workbook: save it as CSV")
    if len(infos) > MOST_MEMBERS:
        raise WrongInput(f"a zip of rosters has at most {MOST_MEMBERS:,} members")
    total = 0
    for number, info in enumerate(filter(_is_list, infos)):
        if info.flag_bits & 1:
            raise WrongInput("this zip is locked by a password: unlock it first")
        copy = folder / f"{number}.csv"
        total += _copy(archive, info, copy)
        if total > LARGEST_ALL:
            raise WrongInput("this zip holds more than any list of people")
        yield Member(_printable(info.filename), copy)


def _is_list(info: zipfile.ZipInfo) -> bool:
    place = PurePosixPath(info.filename)
    hidden = place.name.startswith(".") or "__MACOSX" in place.parts
    link = stat.S_ISLNK(info.external_attr >> 16)
    lists = place.suffix.lower() in LISTS
    return lists and not (info.is_dir() or hidden or link)


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> int:
    limit = min(LARGEST, max(INNOCENT, RATIO * info.compress_size))
    size = 0
    with archive.open(info) as packed, target.open("wb") as copy:
        while chunk := packed.read(CHUNK):
            size += len(chunk)
            if size > limit:
                raise WrongInput(
                    f"{_printable(info.filename)} becomes so large when unpacked that"
                    " it is no list of people"
                )
            copy.write(chunk)
    return size


def _printable(name: str) -> str:
    return "".join(c for c in name if c.isprintable())[-200:]


@dataclass(frozen=True)
class ImportSheet:
    """A file of people under its header; `header` is that as it stands in the file."""

    source: CsvFile
    header: CsvRow
    layout: ColumnMapping

    @property
    def name(self) -> str:
        return self.source.name

    def rows(
        self, passed: Callable[[int], None] = lambda done: None
    ) -> Iterator[CsvRow]:
        """Yield the rows below the header; tell `passed` how many bytes are read."""
        following = rows(self.source, passed)
        for row in following:
            if not is_hint(row.cells):
                break
        if not self.layout.has_header:
            yield from self._persons(self.header)
        for row in following:
            yield from self._persons(row)

    def _persons(self, row: CsvRow) -> Iterator[CsvRow]:
        if not self.layout.crowded:
            yield row
            return
        for cell in row.cells:
            if cell.strip():
                yield CsvRow(row.line, [cell], row.problem)


@contextmanager
def sheets(
    files: Sequence[Path], *, mapped: Mapped = NOTHING, bare: bool = False
) -> Iterator[tuple[list[ImportSheet], list[str]]]:
    """Open files and what is in zips; yield the sheets, and what was left aside.

    With `bare` they are called by their names alone, wherever they lie.
    A file that cannot be read is refused, and then so are all.
    """
    with TemporaryDirectory(prefix="flashmail-") as folder:
        opened: list[ImportSheet] = []
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
) -> tuple[list[ImportSheet], list[str]]:
    """Return the sheets of a zip that are lists of people, and notes on the others.

    Where some are a provider's exports, the others are that provider's business: lists
    of opens and clicks, for example.
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


def _sheet(source: CsvFile, file: str, mapped: Mapped) -> ImportSheet:
    for row in rows(source, lambda done: None):
        if is_hint(row.cells):
            continue
        try:
            return ImportSheet(
                source, row, lay_out(row.cells, file=file, mapped=mapped)
            )
        except WrongInput as problem:
            raise WrongInput(f"{source.name}, line {row.line}: {problem}") from None
    raise WrongInput(f"{source.name}: this file is empty")


@dataclass(frozen=True)
class Column:
    """A column: its title in the file, and what it is taken for.

    `field` is one of `layout.FIELDS`, or `layout.KEEP` (an attribute) or `layout.SKIP`.
    """

    title: str
    field: str


@dataclass(frozen=True)
class Preview:
    """The beginning of a file as it would be read.

    `format` is the program it is taken for, "roster" being our own form. `rows` are
    the first ones as they stand in the file. `problem` says why nothing can be brought
    in before a person has chosen a column; else it is empty.
    """

    file: str
    format: str
    status: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    problem: str

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "columns": [vars(each) for each in self.columns]}


def preview(
    files: Sequence[Path],
    *,
    mapped: Mapped = NOTHING,
    rows: int = 10,
    bare: bool = False,
) -> tuple[Preview, ...]:
    """Return how each file, and each member of a zip, would be read.

    Give `mapped` the same words as `import_rosters`: {"E-Mail dienstl.": "address"}.
    Raises WrongInput for what cannot be read at all.
    """
    with sheets(files, mapped=mapped, bare=bare) as (opened, _):
        return tuple(_preview(sheet, rows) for sheet in opened)


def _preview(sheet: ImportSheet, rows: int) -> Preview:
    layout = sheet.layout
    stated = [cell.strip(" \ufeff") for cell in sheet.header.cells]
    titles = [
        (stated[n] if layout.has_header and n < len(stated) else "") or name
        for n, name in enumerate(layout.names)
    ]
    columns = tuple(map(Column, titles, layout.fields))
    first = tuple(tuple(row.cells) for row in islice(sheet.rows(), rows))
    problem = "" if layout.places("address") else "say which column holds the addresses"
    status = layout.everybody.value if layout.everybody else ""
    return Preview(sheet.name, layout.format.name, status, columns, first, problem)
