"""One row of a roster becomes an entry, or is rejected with the reason."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from json.encoder import encode_basestring_ascii
from typing import NamedTuple
from unicodedata import category
from zoneinfo import available_timezones

from flashmail.addresses import parse_address
from flashmail.audience.topics import SEPARATOR
from flashmail.errors import WrongInput
from flashmail.import_export.files import CsvRow, unguarded
from flashmail.import_export.formats import ALIASES, STATUSES
from flashmail.model import OPTED_OUT, Frequency, SubscriberStatus

COLUMN = {alias: column for column, names in ALIASES.items() for alias in names}

COLUMN_LIMIT = 200


@dataclass(frozen=True)
class Columns:
    """Where each column is, from 0; -1 where the file has none of it."""

    width: int
    address: int
    name: int
    topics: int
    status: int
    time_zone: int
    language: int
    attributes: tuple[tuple[int, str], ...]


def read_header(cells: Sequence[str]) -> Columns:
    """Read the names of the columns; whatever is not ours is an attribute."""
    names = _names(cells)
    if "address" not in names:
        found = ", ".join(names[:10])
        raise WrongInput(f"there is no column 'address'; the header has {found}")
    places = {name: place for place, name in enumerate(names)}
    ours = {column: places.pop(column, -1) for column in ALIASES}
    attributes = tuple((place, name) for name, place in places.items())
    return Columns(width=len(names), attributes=attributes, **ours)


def titles(cells: Sequence[str]) -> list[str]:
    """Return a header's cells as plain names, without empty ones at its end."""
    names = [plain_name(unguarded(cell.strip(" \ufeff"))) for cell in cells]
    while names and not names[-1]:
        names.pop()
    if len(names) > COLUMN_LIMIT:
        raise WrongInput(f"a roster has at most {COLUMN_LIMIT} columns")
    return names


def plain_name(title: str) -> str:
    """Return a column's name in lower case, with low lines for spaces and hyphens."""
    return "_".join(title.casefold().replace("-", " ").replace("_", " ").split())


def _names(cells: Sequence[str]) -> list[str]:
    names = titles(cells)
    if "" in names:
        raise WrongInput(f"column {names.index('') + 1} has no name in the header")
    ours = [COLUMN.get(name, name) for name in names]
    if ours.count("address") == 2 and names.count("address") == 1:
        # One of them is where people live.
        ours[names.index("address")] = "postal_address"
    twice = [name for name, times in Counter(ours).items() if times > 1]
    if twice:
        raise WrongInput(f"there are two columns for {twice[0]!r}")
    return ours


LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")

CELL_LIMIT = 4_000

#: Line ends and controls; bidirectional marks and joiners belong to some languages.
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Rejected(WrongInput):
    """The row cannot be taken; the text says why."""


class ImportEntry(NamedTuple):
    """A row as it is staged. Empty texts say nothing about a person.

    `attributes` is a JSON object, and so is `topics`: the frequency by a topic's id, or
    null where the row says nothing about it.
    """

    key: str
    address: str
    name: str
    status: str
    time_zone: str
    language: str
    attributes: str
    topics: str


class EntryReader:
    """Reads the rows under one header."""

    def __init__(self, columns: Columns, topics: Mapping[str, int]) -> None:
        self._columns = columns
        self._wishes = wishes(topics)
        self._folded = {name.casefold(): w for name, w in self._wishes.items()}
        # Put together by hand: json.dumps takes as long as all the rest of a row.
        self._attribute_names = [
            (place, f"{encode_basestring_ascii(name)}: ")
            for place, name in columns.attributes
        ]

    def read(self, row: CsvRow) -> ImportEntry:
        """Return the entry of a row, or say why there is none."""
        columns, cells = self._columns, cells_of(row, self._columns.width)
        text, key = parse_address(cells[columns.address])
        status = _status(cells[columns.status])
        try:
            return ImportEntry(
                key,
                text,
                _in_a_line(cells[columns.name]),
                status,
                _time_zone(cells[columns.time_zone]),
                _language(cells[columns.language]),
                self._attributes(cells),
                self._topic_ids(cells[columns.topics]),
            )
        except Rejected:
            if status not in OPTED_OUT:
                raise
            # That somebody left counts, whatever else is wrong with the row.
            return ImportEntry(key, text, "", status, "", "", "{}", "{}")

    def _attributes(self, cells: Sequence[str]) -> str:
        found = [
            name_in_json + encode_basestring_ascii(cells[place])
            for place, name_in_json in self._attribute_names
            if cells[place]
        ]
        return "{" + ", ".join(found) + "}"

    def _topic_ids(self, cell: str) -> str:
        if not cell:
            return "{}"
        names = cell.split(SEPARATOR)
        try:
            found = dict([self._wishes[name] for name in names])
        except KeyError:
            found = dict(self._wish(name) for each in names if (name := each.strip()))
        return "{" + ",".join([f'"{i}":{often}' for i, often in found.items()]) + "}"

    def _wish(self, name: str) -> "Wish":
        topic, colon, often = name.rpartition(":")
        plain = f"{topic.strip()}:{often.strip()}" if colon else name
        known = self._folded.get(name.casefold()) or self._folded.get(plain.casefold())
        if known is None:
            raise Rejected(f"there is no topic {name[:80]!r}; topics.toml has them all")
        return known


#: A topic's id, and a frequency in JSON.
Wish = tuple[str, str]

#: How a roster says how often: `Iran:weekly`.
OFTEN = {
    **{each.value: f'"{each.value}"' for each in Frequency},
    "urgent": f'"{Frequency.URGENT}"',
}


def wishes(topics: Mapping[str, int]) -> dict[str, Wish]:
    """Return what can be said in a cell of topics: a name, or a name and how often."""
    known = {
        f"{name}:{often}": (str(topic_id), in_json)
        for name, topic_id in topics.items()
        for often, in_json in OFTEN.items()
    }
    return known | {name: (str(topic_id), "null") for name, topic_id in topics.items()}


def cells_of(row: CsvRow, width: int) -> list[str]:
    """Return the cells without spaces and guards, and one more that is empty.

    The latter is place -1, and so what an absent column holds.
    """
    if row.problem:
        raise Rejected(row.problem)
    cells = [*map(str.strip, row.cells), ""]
    whole = " ".join(cells)
    if len(cells) != width + 1:
        cells = _fitted(cells, width + 1)
    if whole.isprintable() and "'" not in whole and len(whole) <= CELL_LIMIT:
        return cells
    cells = [unguarded(cell) for cell in cells]
    if any(len(cell) > CELL_LIMIT for cell in cells):
        raise Rejected(f"a cell has more than {CELL_LIMIT:,} characters")
    return cells


def _fitted(cells: list[str], width: int) -> list[str]:
    """Leave out empty cells after the last column."""
    while len(cells) > width and not cells[-2]:
        cells.pop()
    if len(cells) != width:
        raise Rejected(
            f"the row has {len(cells) - 1} cells, the header has {width - 1}"
        )
    return cells


def _in_a_line(name: str) -> str:
    if not name.isprintable() and not _CONTROLS.isdisjoint(map(category, name)):
        raise Rejected("the name has a line break or control character in it")
    return name


@lru_cache(1 << 10)
def _status(cell: str) -> str:
    word = " ".join(cell.lower().replace("_", " ").split())
    if word and word not in STATUSES:
        raise Rejected(
            f"status {cell[:80]!r} is none of"
            f" {', '.join(each.value for each in SubscriberStatus)}"
        )
    return STATUSES[word].value if word else ""


@cache
def zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(1 << 10)
def _time_zone(cell: str) -> str:
    if cell and cell not in zones():
        raise Rejected(
            f"there is no time zone {cell[:80]!r}; write it as in Europe/Berlin"
        )
    return cell


@lru_cache(1 << 10)
def _language(cell: str) -> str:
    language = cell.replace("_", "-")
    if language and not LANGUAGE.fullmatch(language):
        raise Rejected(f"{language[:80]!r} is no language; write it as in en or pt-BR")
    return language


#: So many different things are told with their words.
NOTES_KEPT = 200


class ImportNotes:
    """Sentences, each with how often there was reason for it."""

    def __init__(self) -> None:
        self._counted: Counter[tuple[str, str]] = Counter()
        self._others = 0

    def add(self, file: str, text: str) -> None:
        """Note a thing about a row of a file."""
        if (file, text) in self._counted or len(self._counted) < NOTES_KEPT:
            self._counted[file, text] += 1
        else:
            self._others += 1

    def texts(self) -> tuple[str, ...]:
        """Return the notes, the most frequent first, with their rows counted."""
        told = [
            f"{file}: {text} ({_rows(n)})"
            for (file, text), n in self._counted.most_common()
        ]
        if self._others:
            told.append(f"and more of the kind ({_rows(self._others)})")
        return tuple(told)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
