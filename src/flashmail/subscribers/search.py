"""Looking for people among a million: by how an address or a name begins, and so on."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, select, text
from sqlmodel import Session, col, func

from flashmail.audience.condition import fold
from flashmail.model import Subscriber, SubscriberStatus, Subscription

#: Of so many people or fewer the ids are gathered and sorted; of more, the list is read
#: in its own order until a page is full.
FEW = 5_000

#: Comes after everything that begins alike, in the order of code points.
_LAST = "\U0010ffff"


class StartsWith(StrEnum):
    """What a search compares with the text."""

    ADDRESS = "address"
    NAME = "name"


@dataclass(frozen=True)
class SubscriberFilter:
    """A filter: address or name begins so, of a status, of a topic.

    Empty, or no topic, means any.
    """

    start: str = ""
    begins: StartsWith = StartsWith.ADDRESS
    status: SubscriberStatus | None = None
    topic_id: int | None = None


def people(
    session: Session, wanted: SubscriberFilter, *, few: int = FEW
) -> Select[Subscriber]:
    """Return a query for subscribers, without an order.

    It is quick in the order of the key, of the name's key, or of the id, whatever the
    filters: what few people meet is looked up, what many meet is read until there are
    enough.
    """
    return select(Subscriber).where(
        *_beginning(wanted),
        *_of_status(session, wanted.status, few),
        *_of_topic(session, wanted.topic_id, few),
    )


def _beginning(wanted: SubscriberFilter) -> list[ColumnElement[bool]]:
    start = wanted.start.strip()
    if not start:
        return []
    if wanted.begins is StartsWith.NAME:
        return beginning(col(Subscriber.name_key), fold(start))
    return beginning(col(Subscriber.key), start.lower())


def beginning(
    column: SQLColumnExpression[Any], start: str
) -> list[ColumnElement[bool]]:
    """Return the condition that a text begins so, in a form that an index serves."""
    return [column >= start, column < start + _LAST]


def _of_status(
    session: Session, status: SubscriberStatus | None, few: int
) -> list[ColumnElement[bool]]:
    if status is None:
        return []
    has_it = col(Subscriber.status) == status
    away = text("subscriber.status <> 'active'")  # in the words of the index
    ids = select(col(Subscriber.id)).where(has_it)
    if status is not SubscriberStatus.ACTIVE and _are_few(
        session, ids.where(away), few
    ):
        return [col(Subscriber.id).in_(ids.where(away))]
    return [has_it]


def _of_topic(
    session: Session, topic_id: int | None, few: int
) -> list[ColumnElement[bool]]:
    if topic_id is None:
        return []
    follower = col(Subscription.subscriber_id)
    following = select(follower).where(col(Subscription.topic_id) == topic_id)
    if _are_few(session, following, few):
        return [col(Subscriber.id).in_(following)]
    return [following.where(follower == col(Subscriber.id)).exists()]


def _are_few(session: Session, ids: Select[Any], few: int) -> bool:
    some = ids.limit(few + 1).subquery()
    count: int = session.execute(select(func.count()).select_from(some)).scalar_one()
    return count <= few
