"""Bring rosters in: read every row, then merge them a few thousand at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from flashmail.audience.roster.columns import Columns, read_header
from flashmail.audience.roster.entry import Entry, EntryReader
from flashmail.audience.roster.merge import merge
from flashmail.audience.roster.report import ImportReport, Problem, Tally
from flashmail.audience.roster.source import Row, Source, examine, is_hint, rows
from flashmail.audience.roster.staging import Staging
from flashmail.audience.topics import topic_ids
from flashmail.database import reading, transaction
from flashmail.errors import WrongInput

Progress = Callable[[int, int], None]

#: Rows merged in one transaction. All of a million in one would keep senders waiting
#: for many seconds; so many take some tenths of a second.
CHUNK = 20_000


def import_rosters(
    engine: Engine,
    files: Sequence[Path],
    *,
    dry_run: bool = False,
    now: datetime,
    progress: Progress = lambda done, total: None,
) -> ImportReport:
    """Bring the people of rosters in, and say what became of each row.

    Rows that cannot be taken are rejected and the others are not. A file that cannot be
    read at all is refused before anything is written. Chunks of rows are committed one
    by one, so that sending goes on meanwhile; an import that is cut short is finished
    by running it again. A dry run judges in the same way and writes nothing.
    """
    sources = [examine(Path(file)) for file in files]
    with reading(engine) as session:
        topics = topic_ids(session)
    size = sum(source.size for source in sources)
    tally = Tally()
    with closing(Staging()) as staging:
        before = 0
        for place, source in enumerate(sources):
            passed = _shifted(progress, before, 2 * size)
            _stage(staging, place, source, topics, tally, passed)
            before += source.size
        _settle(staging, sources, tally)
        count, done = len(staging), 0
        for chunk in staging.chunks(CHUNK):
            with (reading if dry_run else transaction)(engine) as session:
                tally.add(merge(session, chunk, now=now, dry_run=dry_run))
            done += len(chunk)
            progress(size + size * done // count, 2 * size)
    progress(2 * size, 2 * size)
    return tally.report()


def _shifted(progress: Progress, before: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(before + done, total)


def _stage(
    staging: Staging,
    place: int,
    source: Source,
    topics: dict[str, int],
    tally: Tally,
    passed: Callable[[int], None],
) -> None:
    following = rows(source, passed)
    reader = EntryReader(_columns(source, following), topics)
    staging.add(place, _entries(place, source, following, reader, tally))


def _columns(source: Source, following: Iterator[Row]) -> Columns:
    for row in following:
        if is_hint(row.cells):
            continue
        try:
            return read_header(row.cells)
        except WrongInput as problem:
            raise WrongInput(f"{source.path}, line {row.line}: {problem}") from None
    raise WrongInput(f"{source.path}: this file is empty")


def _entries(
    place: int,
    source: Source,
    following: Iterator[Row],
    reader: EntryReader,
    tally: Tally,
) -> Iterator[tuple[int, Entry]]:
    for row in following:
        try:
            yield row.line, reader.read(row)
        except WrongInput as problem:
            tally.reject(place, Problem(str(source.path), row.line, str(problem)))


def _settle(staging: Staging, sources: Sequence[Source], tally: Tally) -> None:
    for twin in staging.settle_twins():
        path, kept = sources[twin.file].path, sources[twin.kept_file].path
        elsewhere = f" of {kept}" if twin.kept_file != twin.file else ""
        message = (
            f"the address is that of line {twin.kept_line}{elsewhere}, which counts"
        )
        tally.reject(twin.file, Problem(str(path), twin.line, message))
