"""A row of somebody else's export becomes an entry, by way of a row of ours."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from flashmail.audience.topics import SEPARATOR, slug_of
from flashmail.import_export.files import CsvRow, guarded
from flashmail.import_export.formats import ALIASES, STATUSES
from flashmail.import_export.mapping import KEEP, ColumnMapping, in_brackets
from flashmail.import_export.rows import (
    LANGUAGE,
    OFTEN,
    Columns,
    EntryReader,
    ImportEntry,
    ImportNotes,
    Rejected,
    cells_of,
    plain_name,
    zones,
)
from flashmail.model import OPTED_OUT, SubscriberStatus


def labels_in(cell: str) -> list[str]:
    """Return the labels of a cell: separated by semicolons, else by commas.

    Mailchimp quotes each of them inside the cell.
    """
    if SEPARATOR in cell:
        labels = cell.split(SEPARATOR)
    else:
        try:
            labels = next(csv.reader([cell], skipinitialspace=True), [])
        except csv.Error:
            labels = cell.split(",")
    return [label for each in labels if (label := each.strip())]


class TopicMatcher:
    """Knows our topics by their names, however they are spelled elsewhere."""

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._names = {name.casefold(): name for name in topics}
        for name in topics:
            self._names.setdefault(slug_of(name), name)

    def sort(self, labels: Iterable[str]) -> tuple[list[str], list[str]]:
        """Return which labels are topics, in our spelling, and which are none."""
        known: list[str] = []
        others: list[str] = []
        for label in labels:
            found = self._topic(label)
            (known if found else others).append(found or label)
        return known, others

    def _topic(self, label: str) -> str:
        if found := self._named(label):
            return found
        name, colon, often = label.rpartition(":")
        word = often.strip().casefold()
        if colon and word in OFTEN and (found := self._named(name.strip())):
            return f"{found}:{word}"
        return ""

    def _named(self, label: str) -> str:
        return self._names.get(label.casefold()) or self._names.get(slug_of(label), "")


#: Of several words about one person, the first of these counts.
GRAVEST = (
    SubscriberStatus.COMPLAINED,
    SubscriberStatus.BOUNCED,
    SubscriberStatus.UNSUBSCRIBED,
    SubscriberStatus.PENDING,
    SubscriberStatus.PAUSED,
    SubscriberStatus.ACTIVE,
)

#: Keys of a JSON cell with values that may be topics.
LABELLED = ("topics", "tags", "labels", "lists")


class ForeignReader:
    """Reads the rows of a file that is not in our own form.

    What we do not understand but can do without stops no row: it is noted, and kept as
    an attribute where it is the person's.
    """

    def __init__(
        self,
        layout: ColumnMapping,
        topics: Mapping[str, int],
        notes: ImportNotes,
        file: str,
    ) -> None:
        self._layout, self._notes, self._file = layout, notes, file
        self._labels = TopicMatcher(topics)
        self._kept = [
            (n, _not_ours(name))
            for n, name in enumerate(layout.names)
            if layout.fields[n] in {KEEP, "first_name", "last_name"}
            and name != layout.format.attributes
        ]
        self._left = [
            (n, layout.format.left[name])
            for n, name in enumerate(layout.names)
            if name in layout.format.left
        ]
        self._reader = EntryReader(_columns([name for _, name in self._kept]), topics)

    def read(self, row: CsvRow) -> ImportEntry:
        """Return the entry of a row, or say why there is none."""
        cells = cells_of(row, len(self._layout.names))
        more = self._attributes(cells)
        topics = self._topics(cells, more)
        name, address = in_brackets(self._first(cells, "address"))
        ours = [
            address if not self._layout.has_header else self._first(cells, "address"),
            " ".join((self._name(cells) or name).split()),
            topics,
            self._status(cells),
            self._zone(cells),
            self._language(cells),
            *(cells[n] for n, _ in self._kept),
        ]
        entry = self._reader.read(CsvRow(row.line, [guarded(cell) for cell in ours]))
        if not more or entry.status in OPTED_OUT:
            return entry
        kept = json.loads(entry.attributes)
        return entry._replace(attributes=json.dumps({**more, **kept}))

    def _first(self, cells: Sequence[str], field: str) -> str:
        return next((cells[n] for n in self._layout.places(field) if cells[n]), "")

    def _name(self, cells: Sequence[str]) -> str:
        parts = (self._first(cells, "first_name"), self._first(cells, "last_name"))
        return self._first(cells, "name") or " ".join(filter(None, parts))

    def _status(self, cells: Sequence[str]) -> str:
        """Return the gravest word about a person; empty where nothing is said."""
        said = [status for n, status in self._left if cells[n]]
        said += [self._layout.everybody] if self._layout.everybody else []
        words = [cells[n] for n in self._layout.places("status") if cells[n]]
        for word in words:
            known = self._meant(word)
            if known is None and not OPTED_OUT.intersection(said):
                raise Rejected(
                    f"status {word[:80]!r} is none that {self._layout.format.name}"
                    " is known to write"
                )
            said += known or ()
        return next((status.value for status in GRAVEST if status in said), "")

    def _meant(self, word: str) -> tuple[SubscriberStatus, ...] | None:
        """Return what a word for a status means, () being nothing; None if unknown."""
        plain = " ".join(word.lower().replace("_", " ").replace("-", " ").split())
        table = self._layout.format.statuses
        if plain in table:
            status = table[plain]
            return () if status is None else (status,)
        if plain not in STATUSES:
            return None
        ours = STATUSES[plain]
        return () if ours is SubscriberStatus.ACTIVE else (ours,)

    def _zone(self, cells: Sequence[str]) -> str:
        zone = self._first(cells, "time_zone")
        if zone and zone not in zones():
            self._note(f"there is no time zone {zone[:80]!r}")
            return ""
        return zone

    def _language(self, cells: Sequence[str]) -> str:
        language = self._first(cells, "language").replace("_", "-")
        if language and not LANGUAGE.fullmatch(language):
            self._note(f"{language[:80]!r} is no language")
            return ""
        return language

    def _topics(self, cells: Sequence[str], more: dict[str, str]) -> str:
        """Return the names of topics; put what else is there into `more`."""
        found: list[str] = []
        for key in LABELLED:
            if key in more:
                self._sort(key, more.pop(key), found, more)
        for n in self._layout.places("topics"):
            if cells[n]:
                self._sort(_not_ours(self._layout.names[n]), cells[n], found, more)
        return SEPARATOR.join(dict.fromkeys(found))

    def _sort(
        self, column: str, cell: str, found: list[str], more: dict[str, str]
    ) -> None:
        if self._layout.format.strict and not self._layout.mapped:
            found.append(cell)
            return
        known, others = self._labels.sort(labels_in(cell))
        found += known
        for label in others:
            self._note(
                f"{label[:80]!r} is no topic and is kept in the attribute {column!r}"
            )
        if others:
            more[column] = f"{SEPARATOR} ".join(others)

    def _attributes(self, cells: Sequence[str]) -> dict[str, str]:
        name = self._layout.format.attributes
        if name not in self._layout.names:
            return {}
        cell = cells[self._layout.names.index(name)]
        found = flat(cell) if cell else {}
        if found is None:
            self._note(f"the column {name!r} holds no JSON object")
            return {name: cell}
        return dict(found)

    def _note(self, text: str) -> None:
        self._notes.add(self._file, text)


def flat(text: str) -> dict[str, str] | None:
    """Return the members of a JSON object as texts; None if it is none."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    return dict(_texts(told))


def _texts(told: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in told.items():
        name = plain_name(key)
        if not name or value in (None, "", [], {}):
            continue
        if name in LABELLED and isinstance(value, list):
            value = SEPARATOR.join(each for each in value if isinstance(each, str))
        text = value if isinstance(value, str) else json.dumps(value)
        yield name if name in LABELLED else _not_ours(name), text


@lru_cache(1 << 10)
def _not_ours(name: str) -> str:
    """Return an attribute's name that is none of our columns."""
    if name == "address":
        return "postal_address"
    return f"other_{name}" if name in ALIASES else name


def _columns(attributes: Sequence[str]) -> Columns:
    """Return the header of the rows that this makes of theirs."""
    places = {field: n for n, field in enumerate(ALIASES)}
    kept = tuple((len(ALIASES) + n, name) for n, name in enumerate(attributes))
    return Columns(width=len(ALIASES) + len(kept), attributes=kept, **places)
