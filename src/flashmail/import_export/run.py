"""Bring rosters in: read every row, then merge them a few thousand at a time."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Engine

from flashmail.audience.topics import topic_ids
from flashmail.database import reading, transaction
from flashmail.errors import WrongInput
from flashmail.import_export.files import CsvRow, guarded
from flashmail.import_export.foreign import ForeignReader
from flashmail.import_export.mapping import NOTHING, Mapped, require_address
from flashmail.import_export.merge import merge
from flashmail.import_export.rows import (
    EntryReader,
    ImportEntry,
    ImportNotes,
    read_header,
)
from flashmail.import_export.sheets import ImportSheet, sheets
from flashmail.import_export.staging import DuplicateRow, Staging
from flashmail.model import SubscriberStatus

#: Columns before those of the file.
ABOUT = ("why", "file", "line")


def write_rejects(staging: Staging, out: TextIO) -> None:
    """Write every rejected row as CSV: why, file, line, and its cells.

    Cells that a spreadsheet could run are guarded, see `import_export.files`.
    """
    columns = staging.rejected_columns()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([*ABOUT, *map(guarded, columns)])
    for why, file, line, cells_in_json in staging.rejected():
        cells = json.loads(cells_in_json)
        found = [str(cells.get(column, "")) for column in columns]
        writer.writerow([why, guarded(file), line, *map(guarded, found)])


#: So many problems are kept with their words; all are counted.
PROBLEMS_KEPT = 1_000


@dataclass(frozen=True)
class RejectedRow:
    """Why a row was rejected; `row` is its line in the file, the header being 1."""

    file: str
    row: int
    message: str


@dataclass(frozen=True)
class ImportReport:
    """How many rows there were, and what became of each.

    `kept_out` are rows that would have mailed a person that unsubscribed, bounced or
    complained: they stay as they are. `by_status` says how the people of all rows but
    the rejected ones stand afterwards. `formats` says what each file was taken for, and
    `notes` what stopped no row but should be known.
    """

    rows: int
    added: int
    updated: int
    unchanged: int
    rejected: int
    kept_out: int
    by_status: dict[str, int]
    problems: tuple[RejectedRow, ...]
    formats: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "problems": [vars(each) for each in self.problems]}


@dataclass
class ImportCounter:
    """The report while it grows."""

    outcomes: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((s.value for s in SubscriberStatus), 0)
    )
    rejected: int = 0
    formats: dict[str, str] = field(default_factory=dict)
    notes: ImportNotes = field(default_factory=ImportNotes)
    aside: list[str] = field(default_factory=list)
    _problems: list[tuple[int, RejectedRow]] = field(default_factory=list)

    def reject(self, place: int, problem: RejectedRow) -> None:
        """Count a rejected row; `place` is the number of its file."""
        self.rejected += 1
        if len(self._problems) < PROBLEMS_KEPT:
            self._problems.append((place, problem))

    def add(self, judged: Mapping[tuple[str, str], int]) -> None:
        """Count rows by (outcome, status afterwards)."""
        for (outcome, status), n in judged.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + n
            self.statuses[status] += n

    def report(self) -> ImportReport:
        """Return the report; its last problem says if some are not listed."""
        found = sorted(self._problems, key=lambda each: (each[0], each[1].row))
        problems = [problem for _, problem in found]
        if self.rejected > len(problems):
            rest = self.rejected - len(problems)
            problems.append(
                RejectedRow("", 0, f"{rest:,} more problems are not listed")
            )
        return ImportReport(
            rows=self.rejected + sum(self.outcomes.values()),
            added=self.outcomes.get("added", 0),
            updated=self.outcomes.get("updated", 0),
            unchanged=self.outcomes.get("unchanged", 0),
            rejected=self.rejected,
            kept_out=self.outcomes.get("kept_out", 0),
            by_status=self.statuses,
            problems=tuple(problems),
            formats=self.formats,
            notes=(*self.aside, *self.notes.texts()),
        )


Progress = Callable[[int, int], None]

#: Rows merged in one transaction. All of a million in one would keep senders waiting
#: for many seconds; so many take some tenths of a second.
CHUNK = 20_000


def import_rosters(
    engine: Engine,
    files: Sequence[Path],
    *,
    mapped: Mapped = NOTHING,
    dry_run: bool = False,
    now: datetime,
    progress: Progress = lambda done, total: None,
    rejects: TextIO | None = None,
    bare: bool = False,
) -> ImportReport:
    """Bring the people of rosters, exports and zips in; say what became of each row.

    `mapped` is a person's word on what columns hold, by their titles: one of
    `layout.FIELDS`, or "attribute", or "skip". Rows that cannot be taken are rejected,
    and written to `rejects` as CSV with the reason; the others are not. A file that
    cannot be read at all is refused before anything is written. Chunks of rows are
    committed one by one, so that sending goes on meanwhile; an import that is cut short
    is finished by running it again. A dry run judges in the same way and writes nothing
    but `rejects`. With `bare` no folder of a file is told.
    """
    tally = ImportCounter()
    with (
        sheets(files, mapped=mapped, bare=bare) as (opened, aside),
        closing(Staging()) as staging,
    ):
        tally.aside += aside
        readers = _readers(engine, opened, tally)
        size = sum(sheet.source.size for sheet in opened)
        before = 0
        for place, sheet in enumerate(opened):
            passed = _shifted(progress, before, 2 * size)
            found = _entries(place, sheet, readers[place], tally, staging, passed)
            staging.add(place, found)
            before += sheet.source.size
        _settle(staging, opened, tally)
        if rejects is not None:
            write_rejects(staging, rejects)
        count, done = len(staging), 0
        for chunk in staging.chunks(CHUNK):
            with (reading if dry_run else transaction)(engine) as session:
                tally.add(merge(session, chunk, now=now, dry_run=dry_run))
            done += len(chunk)
            progress(size + size * done // count, 2 * size)
    progress(2 * size, 2 * size)
    return tally.report()


Reader = EntryReader | ForeignReader


def _readers(
    engine: Engine, opened: Sequence[ImportSheet], tally: ImportCounter
) -> list[Reader]:
    """Return a reader for each sheet; refuse all where one has no addresses."""
    with reading(engine) as session:
        topics = topic_ids(session)
    tally.formats |= {sheet.name: sheet.layout.format.name for sheet in opened}
    return [_reader(sheet, topics, tally) for sheet in opened]


def _reader(
    sheet: ImportSheet, topics: Mapping[str, int], tally: ImportCounter
) -> Reader:
    try:
        if sheet.layout.ours:
            return EntryReader(read_header(sheet.header.cells), topics)
        require_address(sheet.layout)
    except WrongInput as problem:
        where = f"{sheet.name}, line {sheet.header.line}"
        raise WrongInput(f"{where}: {problem}") from None
    return ForeignReader(sheet.layout, topics, tally.notes, sheet.name)


def _shifted(progress: Progress, before: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(before + done, total)


def _entries(
    place: int,
    sheet: ImportSheet,
    reader: Reader,
    tally: ImportCounter,
    staging: Staging,
    passed: Callable[[int], None],
) -> Iterator[tuple[int, ImportEntry]]:
    for row in sheet.rows(passed):
        try:
            yield row.line, reader.read(row)
        except WrongInput as problem:
            why = str(problem)
            tally.reject(place, RejectedRow(sheet.name, row.line, why))
            staging.reject(why, sheet.name, place, row.line, _by_column(sheet, row))


def _by_column(sheet: ImportSheet, row: CsvRow) -> dict[str, str]:
    """Return a row's cells by the titles of their columns; what is over is numbered."""
    titles = [cell.strip(" \ufeff") for cell in sheet.header.cells]
    if not sheet.layout.has_header:
        titles = list(sheet.layout.names)
    found = dict(zip(titles, row.cells, strict=False))
    over = enumerate(row.cells[len(titles) :], start=len(titles) + 1)
    return found | {f"column {n}": cell for n, cell in over}


def _settle(
    staging: Staging, opened: Sequence[ImportSheet], tally: ImportCounter
) -> None:
    for twin in staging.settle_twins():
        file, kept = opened[twin.file].name, opened[twin.kept_file].name
        elsewhere = f" of {kept}" if twin.kept_file != twin.file else ""
        why = f"the address is that of line {twin.kept_line}{elsewhere}, which counts"
        tally.reject(twin.file, RejectedRow(file, twin.line, why))
        staging.reject(why, file, twin.file, twin.line, _of_twin(opened, twin))


def _of_twin(opened: Sequence[ImportSheet], twin: DuplicateRow) -> dict[str, str]:
    """Return what is kept of a row that was read well, by the titles of its columns."""
    sheet = opened[twin.file]
    titles = [*sheet.header.cells] if sheet.layout.has_header else [*sheet.layout.names]
    told = {"address": twin.address, "name": twin.name}
    return {
        titles[n].strip(" \ufeff"): told.get(field, "")
        for n, field in enumerate(sheet.layout.fields)
    }
