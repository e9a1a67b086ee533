"""The rows of an import between reading and merging: on disk, not in memory.

They wait in a database of their own that SQLite keeps in a temporary file and deletes
when it is closed. So the real one is not locked while files are read, and nothing is
written to it before all of them were.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import NamedTuple

from flashmail.import_export.rows import ImportEntry
from flashmail.model import OPTED_OUT

#: More than there are rows: it puts rows that say "left" before all others.
_LATER = 1 << 40

Staged = tuple[int, str, str, str, str, str, str, str, str]


class DuplicateRow(NamedTuple):
    """A row with the address of another row, and that other row."""

    file: int
    line: int
    kept_file: int
    kept_line: int
    address: str
    name: str


class Staging:
    """Rows that were read, each with the number of its file and its line."""

    def __init__(self) -> None:
        self._columns: dict[str, None] = {}
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            """
            PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32768;
            CREATE TABLE entry (n INTEGER PRIMARY KEY, file INTEGER, line INTEGER,
                key TEXT, address TEXT, name TEXT, status TEXT, time_zone TEXT,
                language TEXT, attributes TEXT, topics TEXT);
            CREATE TABLE reject (why TEXT, file TEXT, place INTEGER, line INTEGER,
                cells TEXT);
            BEGIN;
            """
        )

    def close(self) -> None:
        self._database.close()

    def add(self, file: int, entries: Iterable[tuple[int, ImportEntry]]) -> None:
        """Keep entries of a file, each with its line."""
        self._database.executemany(
            "INSERT INTO entry VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((file, line, *entry) for line, entry in entries),
        )

    def settle_twins(self) -> Iterator[DuplicateRow]:
        """Keep one row of each address, and yield the others, which are dropped.

        The first row stays, unless another says that the person left.
        """
        left = ", ".join(f"'{status.value}'" for status in sorted(OPTED_OUT))
        self._database.executescript(
            f"""
            CREATE INDEX entry_key ON entry (key);
            CREATE TABLE kept AS
                SELECT key,
                    min(n + iif(status IN ({left}), 0, {_LATER})) % {_LATER} AS n
                FROM entry GROUP BY key HAVING count(*) > 1;
            CREATE TABLE twin AS
                SELECT entry.n, kept.n AS kept FROM kept JOIN entry USING (key)
                WHERE entry.n <> kept.n;
            """
        )
        others = self._database.execute(
            "SELECT a.file, a.line, b.file, b.line, a.address, a.name FROM twin"
            " JOIN entry AS a ON a.n = twin.n JOIN entry AS b ON b.n = twin.kept"
            " ORDER BY a.n"
        )
        yield from (DuplicateRow(*row) for row in others)
        self._database.execute("DELETE FROM entry WHERE n IN (SELECT n FROM twin)")

    def reject(
        self, why: str, file: str, place: int, line: int, cells: Mapping[str, str]
    ) -> None:
        """Keep a rejected row, its cells by their columns; `place` is its file's."""
        self._columns |= dict.fromkeys(cells)
        row = (why, file, place, line, json.dumps(cells))
        self._database.execute("INSERT INTO reject VALUES (?, ?, ?, ?, ?)", row)

    def rejected_columns(self) -> list[str]:
        """Return all columns that rejected rows have, as they were met."""
        return list(self._columns)

    def rejected(self) -> Iterator[tuple[str, str, int, str]]:
        """Yield why, file, line and cells in JSON, in the order of the files."""
        yield from self._database.execute(
            "SELECT why, file, line, cells FROM reject ORDER BY place, line"
        )

    def __len__(self) -> int:
        (count,) = self._database.execute("SELECT count(*) FROM entry").fetchone()
        return int(count)

    def chunks(self, size: int) -> Iterator[list[Staged]]:
        """Yield all entries, each after its number in the order of the files.

        They come in the order of their keys: the tables are then touched from one end
        to the other instead of everywhere at once.
        """
        with closing(self._database.cursor()) as cursor:
            cursor.execute(
                "SELECT n, key, address, name, status, time_zone, language, attributes,"
                " topics FROM entry ORDER BY key"
            )
            while chunk := cursor.fetchmany(size):
                yield chunk
