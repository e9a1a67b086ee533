"""One row of a roster becomes an entry, or is rejected with the reason."""

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from json.encoder import encode_basestring_ascii
from typing import NamedTuple
from unicodedata import category
from zoneinfo import available_timezones

from flashmail.audience.addresses import parse_address
from flashmail.audience.roster.columns import Columns
from flashmail.audience.roster.formats.plain import STATUSES
from flashmail.audience.roster.guard import unguarded
from flashmail.audience.roster.source import Row
from flashmail.audience.topics import SEPARATOR
from flashmail.errors import WrongInput
from flashmail.model import LEFT, Frequency, SubscriberStatus

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")

CELL_LIMIT = 4_000

#: Line ends and controls; bidirectional marks and joiners belong to some languages.
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Rejected(WrongInput):
    """The row cannot be taken; the text says why."""


class Entry(NamedTuple):
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

    def read(self, row: Row) -> Entry:
        """Return the entry of a row, or say why there is none."""
        columns, cells = self._columns, cells_of(row, self._columns.width)
        text, key = parse_address(cells[columns.address])
        status = _status(cells[columns.status])
        try:
            return Entry(
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
            if status not in LEFT:
                raise
            # That somebody left counts, whatever else is wrong with the row.
            return Entry(key, text, "", status, "", "", "{}", "{}")

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


def cells_of(row: Row, width: int) -> list[str]:
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
