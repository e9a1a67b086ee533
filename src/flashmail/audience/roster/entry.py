"""One row of a roster becomes an entry, or is rejected with the reason."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from json.encoder import encode_basestring_ascii
from typing import NamedTuple
from zoneinfo import available_timezones

from flashmail.audience.addresses import parse_address
from flashmail.audience.roster.columns import Columns
from flashmail.audience.roster.guard import unguarded
from flashmail.audience.roster.source import Row
from flashmail.audience.topics import SEPARATOR
from flashmail.errors import WrongInput
from flashmail.model import LEFT, SubscriberStatus

#: Their words for a status, and ours.
STATUSES = {
    **{status.value: status for status in SubscriberStatus},
    "subscribed": SubscriberStatus.ACTIVE,
    "confirmed": SubscriberStatus.ACTIVE,
    "enabled": SubscriberStatus.ACTIVE,
    "unconfirmed": SubscriberStatus.PENDING,
    "opted out": SubscriberStatus.UNSUBSCRIBED,
    "blocklisted": SubscriberStatus.UNSUBSCRIBED,
    "cleaned": SubscriberStatus.BOUNCED,
    "hard bounced": SubscriberStatus.BOUNCED,
    "spam": SubscriberStatus.COMPLAINED,
}

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")

CELL_LIMIT = 4_000

#: Line ends and controls; bidirectional marks and joiners belong to some languages.
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Rejected(WrongInput):
    """The row cannot be taken; the text says why."""


class Entry(NamedTuple):
    """A row as it is staged. Empty texts say nothing about a person.

    `attributes` is a JSON object, `topics` a JSON list of ids.
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
        known = {name.casefold(): topic_id for name, topic_id in topics.items()}
        # Put together by hand: json.dumps takes as long as all the rest of a row.
        self._attribute_names = [
            (place, f"{encode_basestring_ascii(name)}: ")
            for place, name in columns.attributes
        ]
        # The same few texts come back row after row.
        self._topics = lru_cache(1 << 14)(lambda cell: _topics(cell, known))

    def read(self, row: Row) -> Entry:
        """Return the entry of a row, or say why there is none."""
        if row.problem:
            raise Rejected(row.problem)
        columns, cells = self._columns, row.cells
        if len(cells) != columns.width:
            cells = _fitted(cells, columns.width)
        # An absent column is place -1: the empty cell that is put at the end.
        cells = [*cells, ""]
        text, key = parse_address(_clean(cells[columns.address]))
        status = _status(cells[columns.status])
        try:
            return Entry(key, text, *self._details(cells, status))
        except Rejected:
            if status not in LEFT:
                raise
            # That somebody left counts, whatever else is wrong with the row.
            return Entry(key, text, "", status, "", "", "{}", "[]")

    def _details(self, cells: Sequence[str], status: str) -> tuple[str, ...]:
        columns = self._columns
        return (
            _line(_clean(cells[columns.name]), "name"),
            status,
            _time_zone(cells[columns.time_zone]),
            _language(cells[columns.language]),
            self._attributes(cells) if columns.attributes else "{}",
            self._topics(cells[columns.topics]),
        )

    def _attributes(self, cells: Sequence[str]) -> str:
        found = [
            name_in_json + encode_basestring_ascii(_within_limit(text, "attribute"))
            for place, name_in_json in self._attribute_names
            if (text := _clean(cells[place]))
        ]
        return "{" + ", ".join(found) + "}"


def _fitted(cells: Sequence[str], width: int) -> list[str]:
    """Leave out empty cells after the last column."""
    fitted = list(cells)
    while len(fitted) > width and not fitted[-1].strip():
        fitted.pop()
    if len(fitted) != width:
        raise Rejected(f"the row has {len(fitted)} cells, the header has {width}")
    return fitted


def _clean(cell: str) -> str:
    text = cell.strip()
    return unguarded(text) if text[:1] == "'" else text


def _line(text: str, what: str) -> str:
    if not text.isprintable() and not _CONTROLS.isdisjoint(
        map(unicodedata.category, text)
    ):
        raise Rejected(f"the {what} has a line break or control character in it")
    return _within_limit(text, what)


def _within_limit(text: str, what: str) -> str:
    if len(text) > CELL_LIMIT:
        raise Rejected(f"the {what} has more than {CELL_LIMIT:,} characters")
    return text


@lru_cache(1 << 10)
def _status(cell: str) -> str:
    word = " ".join(_clean(cell).lower().replace("_", " ").split())
    if word and word not in STATUSES:
        raise Rejected(
            f"status {_clean(cell)[:80]!r} is none of"
            f" {', '.join(each.value for each in SubscriberStatus)}"
        )
    return STATUSES[word].value if word else ""


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(1 << 10)
def _time_zone(cell: str) -> str:
    zone = _clean(cell)
    if zone and zone not in _zones():
        raise Rejected(
            f"there is no time zone {zone[:80]!r}; write it as in Europe/Berlin"
        )
    return zone


@lru_cache(1 << 10)
def _language(cell: str) -> str:
    language = _clean(cell).replace("_", "-")
    if language and not LANGUAGE.fullmatch(language):
        raise Rejected(f"{language[:80]!r} is no language; write it as in en or pt-BR")
    return language


def _topics(cell: str, known: Mapping[str, int]) -> str:
    ids = set()
    for name in _clean(cell).split(SEPARATOR):
        if topic_id := known.get(name.strip().casefold()):
            ids.add(topic_id)
        elif name.strip():
            raise Rejected(
                f"there is no topic {name.strip()[:80]!r}; topics.toml has them all"
            )
    return str(sorted(ids))
