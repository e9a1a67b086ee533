"""The topics as a tree, parents before their children."""

from dataclasses import dataclass

from sqlmodel import Session, select

from flashmail.model import Topic


@dataclass(frozen=True)
class Branch:
    """A topic in its place; `depth` says how far under others it stands."""

    topic_id: int
    name: str
    slug: str
    depth: int
    private: bool
    retired: bool


def tree(session: Session) -> list[Branch]:
    """Return all topics, retired ones as well."""
    topics = {topic.id: topic for topic in session.exec(select(Topic))}
    placed = sorted((_path(topics, each), each.id or 0) for each in topics.values())
    return [_branch(topics[topic_id], len(path) - 1) for path, topic_id in placed]


def _branch(topic: Topic, depth: int) -> Branch:
    assert topic.id is not None
    return Branch(topic.id, topic.name, topic.slug, depth, topic.private, topic.retired)


def _path(topics: dict[int | None, Topic], topic: Topic) -> tuple[str, ...]:
    parent = topics.get(topic.parent_id) if topic.parent_id else None
    above = _path(topics, parent) if parent else ()
    return (*above, topic.name.casefold())
