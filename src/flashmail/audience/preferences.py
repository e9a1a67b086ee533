"""Preferences: which topics a reader may choose, and what saving a choice changes."""

from collections.abc import Set
from dataclasses import dataclass

from sqlalchemy import delete
from sqlmodel import Session, col, select

from flashmail.model import Subscription, Topic


@dataclass(frozen=True)
class Choice:
    """A topic on the preference page; `depth` says how far under others it stands."""

    topic_id: int
    name: str
    depth: int
    followed: bool


def choices(session: Session, subscriber_id: int) -> list[Choice]:
    """Return what a reader can follow, parents before their children.

    Private topics are offered to those who follow them already, retired ones to nobody.
    """
    topics = {topic.id: topic for topic in session.exec(select(Topic))}
    followed = set(
        session.exec(
            select(Subscription.topic_id).where(
                Subscription.subscriber_id == subscriber_id
            )
        )
    )
    offered = [
        (_path(topics, topic), topic)
        for topic in topics.values()
        if not topic.retired and (not topic.private or topic.id in followed)
    ]
    return [
        Choice(topic.id or 0, topic.name, len(path) - 1, topic.id in followed)
        for path, topic in sorted(offered, key=lambda each: each[0])
    ]


def choose(
    session: Session, subscriber_id: int, *, shown: Set[int], ticked: Set[int]
) -> None:
    """Follow what was ticked and no longer what was not; touch only what was shown."""
    known = {each.topic_id: each for each in choices(session, subscriber_id)}
    for topic_id in sorted(shown & known.keys()):
        followed = known[topic_id].followed
        if topic_id in ticked and not followed:
            session.add(Subscription(subscriber_id=subscriber_id, topic_id=topic_id))
        elif topic_id not in ticked and followed:
            session.execute(
                delete(Subscription)
                .where(col(Subscription.subscriber_id) == subscriber_id)
                .where(col(Subscription.topic_id) == topic_id)
            )
    session.flush()


def _path(topics: dict[int | None, Topic], topic: Topic) -> tuple[str, ...]:
    parent = topics.get(topic.parent_id) if topic.parent_id else None
    above = _path(topics, parent) if parent else ()
    return (*above, topic.name.casefold())
