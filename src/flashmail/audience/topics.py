"""Topics: what one can follow, as `subscribers/topics.toml` says it.

The file is the truth. The table follows it: a topic keeps its row by its slug, so it
can be renamed, and one that left the file is retired, as people may still follow it.
"""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from sqlmodel import Session, select

from flashmail.errors import WrongInput
from flashmail.model import Topic
from flashmail.model.types import rows_as_json

T = TypeVar("T")


def read_tables(
    text: str, kind: str, keys: Collection[str], read: Callable[[Mapping[str, Any]], T]
) -> tuple[T, ...]:
    """Return what `read` makes of each `[[kind]]` table, or say what to mend.

    Each has a name of its own, however it is cased, and only known keys.
    """
    found: dict[str, T] = {}
    for place, table in enumerate(_tables(text, kind), start=1):
        name = table.get("name")
        if not isinstance(name, str) or not name.strip():
            raise WrongInput(f'{kind} {place} has no name; write name = "..." in it')
        if name.strip().casefold() in found:
            raise WrongInput(f"there are two {kind}s called {name.strip()!r}")
        try:
            _refuse_unknown(table, keys)
            found[name.strip().casefold()] = read(table)
        except WrongInput as problem:
            raise WrongInput(f"{kind} {name.strip()!r}: {problem}") from None
    return tuple(found.values())


def text_of(table: Mapping[str, Any], key: str) -> str:
    """Return a text of a table, or nothing where it has none."""
    value = table.get(key, "")
    if not isinstance(value, str):
        raise WrongInput(f"{key} is a text in quotes")
    return value.strip()


def names_of(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return a list of texts of a table, or nothing where it has none."""
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(n, str) for n in value):
        raise WrongInput(f'{key} is a list of names, as in {key} = ["Iran"]')
    return tuple(dict.fromkeys(each.strip() for each in value))


def _tables(text: str, kind: str) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as problem:
        raise WrongInput(f"this is no TOML: {problem}") from None
    if unknown := sorted(content.keys() - {kind}):
        raise WrongInput(f"{unknown[0]!r} means nothing here; write [[{kind}]] tables")
    tables = content.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise WrongInput(f"write [[{kind}]] in double brackets, one for each {kind}")
    return tables


def _refuse_unknown(table: Mapping[str, Any], keys: Collection[str]) -> None:
    if unknown := sorted(table.keys() - set(keys)):
        raise WrongInput(f"{unknown[0]!r} means nothing; there are {', '.join(keys)}")


KEYS = ("name", "parent", "slug", "private")

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

#: Separates topics in rosters, so no name has one.
SEPARATOR = ";"


@dataclass(frozen=True)
class TopicEntry:
    """A topic as the file has it; `parent` is a topic's name, or empty."""

    name: str
    parent: str
    slug: str
    private: bool = False


@dataclass(frozen=True)
class TopicTree:
    """Which topic belongs to which: every topic's name, with its parent's or none."""

    parents: Mapping[str, str]

    def up(self, name: str) -> tuple[str, ...]:
        """Return a topic and its ancestors: their followers get what is tagged so."""
        above = self.parents[name]
        return (name, *self.up(above)) if above else (name,)

    def down(self, name: str) -> tuple[str, ...]:
        """Return a topic and its descendants: the tags that its followers get."""
        under = [child for child, parent in self.parents.items() if parent == name]
        return (name, *(each for child in under for each in self.down(child)))

    def expand(self, followed: Iterable[str]) -> frozenset[str]:
        """Return every tag that a follower of these topics gets."""
        return frozenset(tag for name in followed for tag in self.down(name))


def parse_topics(text: str) -> tuple[TopicEntry, ...]:
    """Read topics.toml, or say what to mend in it."""
    entries = read_tables(text, "topic", KEYS, _entry)
    _refuse_same_slugs(entries)
    _refuse_lost_parents(entries)
    return entries


def sync_topics(session: Session, entries: Iterable[TopicEntry]) -> None:
    """Bring the table in line with the file; rows that agree are not written."""
    entries = tuple(entries)
    rows = {topic.slug: topic for topic in session.exec(select(Topic))}
    kept = _matched(rows, entries)
    # Two topics may have swapped names: free the old ones first.
    for entry in entries:
        row = kept.get(entry.slug)
        if row is not None and row.name != entry.name:
            row.name = f"~{row.id}"
    session.flush()
    for entry in entries:
        row = kept.setdefault(entry.slug, Topic(name=entry.name, slug=entry.slug))
        row.name, row.slug, row.private = entry.name, entry.slug, entry.private
        row.retired = False
        session.add(row)
    session.flush()
    ids = {entry.name: kept[entry.slug].id for entry in entries}
    for entry in entries:
        kept[entry.slug].parent_id = ids[entry.parent] if entry.parent else None
    living = set(ids.values())
    for row in rows.values():
        row.retired = row.id not in living
    session.flush()


def lineage(session: Session) -> TopicTree:
    """Return which topic of the table belongs to which, retired ones too."""
    rows = _rows(session)
    names = {topic_id: name for topic_id, name, _ in rows}
    return TopicTree({name: names.get(parent or 0, "") for _, name, parent in rows})


def topic_ids(session: Session) -> dict[str, int]:
    """Return the id of each topic by its name, retired ones too."""
    return {name: topic_id for topic_id, name, _ in _rows(session)}


def _rows(session: Session) -> list[tuple[int, str, int | None]]:
    """Return the topics in the order of their ids: each with its name and parent."""
    # In one row, as a worker asks for them with each batch.
    found = session.scalar(select(rows_as_json(Topic.id, Topic.name, Topic.parent_id)))
    rows: list[tuple[int, str, int | None]] = orjson.loads(found or "[]")
    return sorted(rows)


def _entry(table: Mapping[str, Any]) -> TopicEntry:
    name = text_of(table, "name")
    private = table.get("private", False)
    if not isinstance(private, bool):
        raise WrongInput("private is true or false, without quotes")
    if SEPARATOR in name or not name.isprintable():
        raise WrongInput(f"a name has no {SEPARATOR!r} or line break in it")
    slug = text_of(table, "slug") or slug_of(name)
    if not SLUG.fullmatch(slug):
        raise WrongInput(
            'give it a slug of a-z, 0-9 and hyphens, as in slug = "iran-economy"'
        )
    return TopicEntry(name, text_of(table, "parent"), slug, private)


def slug_of(name: str) -> str:
    """Return a name in a-z, 0-9 and hyphens; empty where it has none of these."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", plain.lower()))


def _refuse_same_slugs(entries: tuple[TopicEntry, ...]) -> None:
    owners: dict[str, str] = {}
    for entry in entries:
        other = owners.setdefault(entry.slug, entry.name)
        if other != entry.name:
            raise WrongInput(
                f"topics {other!r} and {entry.name!r} have the same slug"
                f" {entry.slug!r}: give one of them another"
            )


def _refuse_lost_parents(entries: tuple[TopicEntry, ...]) -> None:
    parents = {entry.name: entry.parent for entry in entries}
    for entry in entries:
        if entry.parent and entry.parent not in parents:
            raise WrongInput(
                f"topic {entry.name!r}: there is no topic {entry.parent!r}"
                " to be its parent"
            )
    for name in parents:
        above, seen = parents[name], {name}
        while above and above not in seen:
            seen.add(above)
            above = parents[above]
        if above:
            raise WrongInput(f"topic {name!r}: its parents go round in a circle")


def _matched(
    rows: Mapping[str, Topic], entries: Iterable[TopicEntry]
) -> dict[str, Topic]:
    """Return the row of each entry that has one, by the entry's slug."""
    by_name = {topic.name: topic for topic in rows.values()}
    slugs = {entry.slug for entry in entries}
    matched: dict[str, Topic] = {}
    for entry in entries:
        namesake = by_name.get(entry.name)
        if entry.slug in rows:
            matched[entry.slug] = rows[entry.slug]
            if namesake is not None and namesake.slug not in slugs:
                raise WrongInput(
                    f"topic {entry.name!r} was there before with the slug"
                    f" {namesake.slug!r}: use that, or another name"
                )
        elif namesake is not None and namesake.slug not in slugs:
            matched[entry.slug] = namesake
    return matched


@dataclass(frozen=True)
class TopicNode:
    """A topic in its place; `depth` says how far under others it stands."""

    topic_id: int
    name: str
    slug: str
    depth: int
    private: bool
    retired: bool


def tree(session: Session) -> list[TopicNode]:
    """Return all topics, retired ones as well."""
    topics = {topic.id: topic for topic in session.exec(select(Topic))}
    placed = sorted((_path(topics, each), each.id or 0) for each in topics.values())
    return [_branch(topics[topic_id], len(path) - 1) for path, topic_id in placed]


def _branch(topic: Topic, depth: int) -> TopicNode:
    assert topic.id is not None
    return TopicNode(
        topic.id, topic.name, topic.slug, depth, topic.private, topic.retired
    )


def _path(topics: dict[int | None, Topic], topic: Topic) -> tuple[str, ...]:
    parent = topics.get(topic.parent_id) if topic.parent_id else None
    above = _path(topics, parent) if parent else ()
    return (*above, topic.name.casefold())
