"""A roster as a file: its encoding, its separator, and its rows one by one.

Nothing is held in memory but the row at hand, whatever the file is.
"""

import codecs
import csv
import io
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePath
from typing import BinaryIO, NamedTuple

from flashmail.errors import UploadNotFound, WrongInput

#: How a cell begins that a spreadsheet may run, with the full-width forms of the signs;
#: a semicolon ends a cell where spreadsheets are European.
_RISKY = frozenset("=+-@;\t\r\n＝＋－＠'")


def guarded(cell: str) -> str:
    return f"'{cell}" if cell[:1] in _RISKY and cell else cell


def unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _RISKY and cell[1:] else cell


SEPARATORS = ",;\t|"

#: More characters than this make no row; a quotation mark is missing somewhere.
ROW_LIMIT = 1 << 20

#: Bytes looked at together, and rows between two words of progress.
CHUNK, STEP = 1 << 20, 5_000

#: Files that are often taken for text, by how they begin.
NO_TEXT = {
    b"PK\x03\x04": "this is a zip file or an Excel workbook: save it as CSV",
    b"\xd0\xcf\x11\xe0": "this is an Excel workbook: save it as CSV",
}


@dataclass(frozen=True)
class CsvFile:
    """A file that was looked through once, and is text.

    `name` is what people know it by: a member of a zip lies elsewhere.
    """

    path: Path
    encoding: str
    size: int
    name: str


class CsvRow(NamedTuple):
    """The line on which a row begins, its cells, and what is wrong with its quoting."""

    line: int
    cells: list[str]
    problem: str = ""


def examine(path: Path, name: str = "") -> CsvFile:
    """Look through a file for its encoding; refuse what cannot be read as text."""
    name = name or str(path)
    try:
        with path.open("rb") as file:
            encoding = _encoding(file)
            return CsvFile(path, encoding, file.tell(), name)
    except OSError as problem:
        raise WrongInput(f"{name} cannot be read: {problem.strerror}") from None
    except WrongInput as problem:
        raise WrongInput(f"{name}: {problem}") from None


def rows(source: CsvFile, passed: Callable[[int], None]) -> Iterator[CsvRow]:
    """Yield the rows that are not empty; tell `passed` how many bytes are read."""
    with source.path.open("rb") as raw:
        lines = _CsvLines(io.TextIOWrapper(raw, encoding=source.encoding, newline=""))
        reader = csv.reader(lines, delimiter=_separator(source), strict=True)
        try:
            for count, row in enumerate(_rows(lines, reader)):
                if count % STEP == 0:
                    passed(raw.tell())
                yield row
        except WrongInput as problem:
            raise WrongInput(f"{source.name}: {problem}") from None
        passed(source.size)


class _CsvLines:
    """Hands lines to the CSV reader, which says when a row is at its end."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.line = 1  # on which the row at hand begins
        self._read = 0
        self._characters = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(ROW_LIMIT):
            self._read += 1
            self._characters += len(line)
            if self._characters >= ROW_LIMIT:
                raise WrongInput(
                    f"line {self.line} is too long to be a row; is a quotation mark"
                    " missing?"
                )
            yield line

    def end_row(self) -> None:
        self.line = self._read + 1
        self._characters = 0


def _rows(lines: _CsvLines, reader: Iterator[list[str]]) -> Iterator[CsvRow]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            yield _misquoted(lines.line, str(problem))
        else:
            if any(cells):
                yield CsvRow(lines.line, cells)
        lines.end_row()


def _misquoted(line: int, problem: str) -> CsvRow:
    """Return a row that only its own quoting spoils; refuse what swallows others."""
    if "unexpected end" in problem or "field limit" in problem:
        raise WrongInput(
            f"a cell that begins on line {line} does not end; is a quotation mark"
            " missing?"
        )
    return CsvRow(line, [], f"its quotation marks do not match ({problem})")


def _encoding(file: BinaryIO) -> str:
    start = file.read(CHUNK)
    for magic, problem in NO_TEXT.items():
        if start.startswith(magic):
            raise WrongInput(problem)
    if not start.strip():
        raise WrongInput("this file is empty")
    for encoding in _candidates(start):
        file.seek(0)
        if _decodes(file, encoding):
            return encoding
    raise WrongInput("this is no text that can be read: save it as CSV in UTF-8")


def _candidates(start: bytes) -> tuple[str, ...]:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    # Plain letters in UTF-16 without a mark: every other byte is zero.
    sample = start[:1000]
    if sample[1::2].count(0) > len(sample) // 4:
        return ("utf-16-le",)
    if sample[::2].count(0) > len(sample) // 4:
        return ("utf-16-be",)
    return ("utf-8-sig", "cp1252")


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            if "\0" in decoder.decode(chunk):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _separator(source: CsvFile) -> str:
    """Return what stands most often between the cells of the header."""
    with source.path.open(encoding=source.encoding, newline="") as text:
        for line in iter(lambda: text.readline(ROW_LIMIT), ""):
            if separator := _stated(line):
                return separator
            if line.strip():
                bare = "".join(line.split('"')[::2])
                return max(SEPARATORS, key=bare.count)
    return SEPARATORS[0]


def is_hint(cells: list[str]) -> bool:
    """Return whether a row is the `sep=;` that Excel puts before the header."""
    return cells[:1] == ["sep="] or (len(cells) == 1 and bool(_stated(cells[0])))


def _stated(line: str) -> str:
    hint = line.strip("\r\n").lower()
    stated = hint.removeprefix("sep=") if hint.startswith("sep=") else ""
    return stated if stated and stated in SEPARATORS else ""


#: A million people with a dozen columns are some 200 MB.
SIZE_LIMIT = 500_000_000

UPLOAD_CHUNK = 1 << 20

#: An upload that nobody came back to goes after so long.
KEPT = timedelta(days=7)

KEY = re.compile(r"[A-Za-z0-9_-]{22}")

NAME_LIMIT = 100

REJECTED = "rejected.csv"


def keep(folder: Path, name: str, file: BinaryIO, *, now: datetime) -> str:
    """Keep a file under its name; return the key by which it is found again."""
    sweep(folder, now=now)
    key = secrets.token_urlsafe(16)
    inside = folder / key / "file"
    inside.mkdir(parents=True, mode=0o700)
    size = 0
    with (inside / plain(name)).open("wb") as out:
        while chunk := file.read(UPLOAD_CHUNK):
            size += len(chunk)
            if size > SIZE_LIMIT:
                break
            out.write(chunk)
    if not 0 < size <= SIZE_LIMIT:
        drop(folder, key)
        raise WrongInput(
            "the file is empty"
            if not size
            else f"a file has at most {SIZE_LIMIT // 1_000_000} MB: split it"
        )
    return key


def file_of(folder: Path, key: str) -> Path:
    """Return the file of an upload."""
    if KEY.fullmatch(key):
        for file in sorted((folder / key / "file").glob("*")):
            return file
    raise UploadNotFound("this upload is gone: please upload the file again")


def rejected_of(folder: Path, key: str) -> Path:
    """Return where the rows that were not taken are written to."""
    return file_of(folder, key).parents[1] / REJECTED


def drop(folder: Path, key: str) -> None:
    """Forget an upload."""
    if KEY.fullmatch(key):
        shutil.rmtree(folder / key, ignore_errors=True)


def sweep(folder: Path, *, now: datetime) -> None:
    """Forget uploads that nobody came back to."""
    if not folder.exists():
        return
    for each in folder.iterdir():
        old = now.timestamp() - each.stat().st_mtime > KEPT.total_seconds()
        if KEY.fullmatch(each.name) and old:
            drop(folder, each.name)


def plain(name: str) -> str:
    """Return a file's name without what means something to a file system.

    The name says something to its readers (people that left are in a file called so),
    so it stays as far as it can.
    """
    last = PurePath(name.replace("\\", "/")).name
    return re.sub(r"[^\w. ()+-]", "_", last).strip(". ")[-NAME_LIMIT:] or "upload.csv"
