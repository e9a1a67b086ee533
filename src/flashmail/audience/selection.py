"""The audience of a campaign: its segment, less everyone we must leave alone."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Label, Select, case, exists, literal, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func

from flashmail.audience.condition_sql import clause
from flashmail.audience.segment import Segment
from flashmail.audience.topics import TopicTree, lineage, topic_ids
from flashmail.database import is_sqlite
from flashmail.errors import WrongInput
from flashmail.model import (
    DeliveryPreferences,
    Frequency,
    Subscriber,
    SubscriberStatus,
    Subscription,
    Suppression,
)

SUPPRESSED = "suppressed"

OTHER_FREQUENCY = "digest readers"

#: Why a member of a segment may get nothing, in the order it is looked at.
REASONS = (
    SubscriberStatus.UNSUBSCRIBED.value,
    SubscriberStatus.BOUNCED.value,
    SubscriberStatus.COMPLAINED.value,
    SUPPRESSED,
    SubscriberStatus.PAUSED.value,
    SubscriberStatus.PENDING.value,
    OTHER_FREQUENCY,
)

MEANT = "meant"

#: Followers of so many topics are found fastest one topic after another. Of more, it is
#: quicker to read all subscriptions in the order they lie in (measured with a million
#: subscribers: 0.6 s instead of 1.2 s for twelve topics).
FEW = 2


class UnknownTopic(WrongInput):
    """A segment or a brief names a topic that there is not."""


@dataclass(frozen=True)
class AudienceCount:
    """How many would get it; through which topics; how many are left out and why.

    `topics` counts by the topic followed. A follower of two of them is in both,
    so they add up to more than the total. `left_out` counts each person once.
    """

    total: int
    topics: dict[str, int]
    left_out: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        return {"total": self.total, "topics": self.topics, "left_out": self.left_out}


def audience_query(
    session: Session,
    segment: Segment,
    *,
    urgent: bool = False,
) -> Select[int | None]:
    """Return a query for the ids of all subscribers that a campaign reaches at once.

    They are active, not suppressed, and meant by the segment. Where it names topics, at
    least one of those has to be followed at once; an urgent campaign also reaches those
    with urgent mail only about it, and those that let urgent mail through anyway.
    What else holds somebody's mail back is for `digests.planner` to say.
    """
    return select(col(Subscriber.id)).where(
        *_timely(session, segment, urgent=urgent),
        *members(session, segment),
        col(Subscriber.status) == SubscriberStatus.ACTIVE,
        ~_among_the_suppressed(session),
    )


def mailable() -> list[ColumnElement[bool]]:
    """Return the condition under which a subscriber may be mailed at all."""
    return [col(Subscriber.status) == SubscriberStatus.ACTIVE, ~suppressed()]


def count(session: Session, segment: Segment, *, urgent: bool = False) -> AudienceCount:
    """Count the audience, through which topics it is reached, and what is left out."""
    judged = _judged(session, segment, urgent=urgent).subquery()
    rows = session.execute(
        select(judged.c.verdict, func.count()).group_by(judged.c.verdict)
    )
    counted: dict[str, int] = {verdict: n for verdict, n in rows}
    return AudienceCount(
        total=counted.pop(MEANT, 0),
        topics=_followers(session, segment, urgent=urgent),
        left_out=dict.fromkeys(REASONS, 0) | counted,
    )


def followed(
    session: Session, subscriber_ids: Sequence[int], topics: Sequence[str]
) -> dict[int, tuple[str, ...]]:
    """Return through which topics each of these people gets what is tagged so.

    That is what they follow: the tag itself, or a topic that it belongs to.
    """
    bringing = bringing_ids(session, topics)
    following = (
        select(col(Subscription.subscriber_id), col(Subscription.topic_id))
        .where(col(Subscription.subscriber_id).in_(subscriber_ids))
        .where(col(Subscription.topic_id).in_(bringing))
    )
    # In Python: a join and an order for each batch of a campaign cost twice as much.
    found: defaultdict[int, list[int]] = defaultdict(list)
    for subscriber_id, topic_id in session.execute(following):
        found[subscriber_id].append(topic_id)
    names = {topic_id: name for name, topic_id in topic_ids(session).items()}
    return {
        subscriber_id: tuple(names[topic_id] for topic_id in sorted(each))
        for subscriber_id, each in found.items()
    }


def bringing(session: Session, topics: Sequence[str]) -> dict[int, str]:
    """Return through which topics people get what is tagged so, names by their ids."""
    ids, known = topic_ids(session), lineage(session)
    return {ids[name]: name for tag in topics for name in _up(known, tag)}


def frequencies(*, urgent: bool) -> tuple[str, ...]:
    """Return the frequencies at which a brief is read at once."""
    if urgent:
        return (Frequency.INSTANT.value, Frequency.URGENT.value)
    return (Frequency.INSTANT.value,)


def _at_once(*, urgent: bool) -> ColumnElement[bool]:
    """Return the condition that a subscription brings a brief at once."""
    quick = col(Subscription.frequency).in_(frequencies(urgent=urgent))
    if not urgent:
        return quick
    anyway = select(col(DeliveryPreferences.subscriber_id)).where(
        col(DeliveryPreferences.urgent_overrides)
    )
    return or_(quick, col(Subscription.subscriber_id).in_(anyway))


def _judged(session: Session, segment: Segment, *, urgent: bool) -> Select[str]:
    """Return a query for what becomes of each member of the segment."""
    meant = members(session, segment)
    if not segment.bringing:
        return select(_verdict(literal(1) == 1)).where(*meant)
    timely = case((_at_once(urgent=urgent), 1), else_=0)
    follower = (
        select(col(Subscription.subscriber_id), func.max(timely).label("timely"))
        .where(of_topics(bringing_ids(session, segment.bringing)))
        .group_by(col(Subscription.subscriber_id))
    ).subquery()
    return (
        select(_verdict(follower.c.timely == 1))
        .join(follower, follower.c.subscriber_id == col(Subscriber.id))
        .where(*meant)
    )


def _verdict(timely: ColumnElement[bool]) -> Label[str]:
    """Return the first of the reasons that somebody is left out for, or MEANT."""
    status = col(Subscriber.status)
    statuses = {each.value for each in SubscriberStatus}
    return case(
        *(
            (suppressed() if reason == SUPPRESSED else status == reason, reason)
            for reason in REASONS
            if reason in statuses or reason == SUPPRESSED
        ),
        (timely, MEANT),
        else_=OTHER_FREQUENCY,
    ).label("verdict")


def members(session: Session, segment: Segment) -> list[ColumnElement[bool]]:
    """Return the condition of a segment's members among its topics' followers."""
    if segment.says_nothing:
        return [literal(1) == 0]
    conditions = [_follows(bringing_ids(session, [name])) for name in segment.all]
    if segment.any and segment.all:
        conditions.append(_follows(bringing_ids(session, segment.any)))
    if segment.none:
        conditions.append(~_follows(bringing_ids(session, segment.none)))
    if segment.condition:
        conditions.append(clause(session, segment.condition))
    return conditions


def _timely(
    session: Session, segment: Segment, *, urgent: bool
) -> list[ColumnElement[bool]]:
    if not segment.bringing:
        return []
    ids = bringing_ids(session, segment.bringing)
    return [_follows(ids, _at_once(urgent=urgent))]


def _follows(
    ids: Iterable[int], how: ColumnElement[bool] | None = None
) -> ColumnElement[bool]:
    """Return the condition that somebody follows one of these topics."""
    following = select(col(Subscription.subscriber_id)).where(of_topics(ids))
    if how is not None:
        following = following.where(how)
    return col(Subscriber.id).in_(following)


def of_topics(ids: Iterable[int]) -> ColumnElement[bool]:
    """Return the condition that a subscription is one of these topics'."""
    ids = sorted(ids)
    topic = col(Subscription.topic_id)
    if len(ids) > FEW:
        return (topic + 0).in_(ids)  # keeps SQLite from going by the index
    return topic.in_(ids)


def suppressed() -> ColumnElement[bool]:
    """Return the condition that a subscriber's address gets no more mail."""
    return exists().where(col(Suppression.key) == col(Subscriber.key))


def _among_the_suppressed(session: Session) -> ColumnElement[bool]:
    """Return the same condition for when it is asked of everybody.

    SQLite then finds a number among numbers faster than an address in an index.
    """
    if not is_sqlite(session):
        return suppressed()
    other = aliased(Subscriber)
    numbers = select(col(other.id)).join(
        Suppression, col(Suppression.key) == col(other.key)
    )
    return col(Subscriber.id).in_(numbers)


def _followers(session: Session, segment: Segment, *, urgent: bool) -> dict[str, int]:
    """Count the audience by the topics that bring the mail to it."""
    ids = bringing_ids(session, segment.bringing)
    meant = audience_query(session, segment, urgent=urgent)
    rows = session.execute(
        select(col(Subscription.topic_id), func.count())
        .where(of_topics(ids))
        .where(_at_once(urgent=urgent))
        .where(col(Subscription.subscriber_id).in_(meant))
        .group_by(col(Subscription.topic_id))
    )
    names = {topic_id: name for name, topic_id in topic_ids(session).items()}
    counted = {names[topic_id]: n for topic_id, n in rows}
    return dict.fromkeys(segment.bringing, 0) | counted


def bringing_ids(session: Session, tags: Iterable[str]) -> set[int]:
    """Return the ids of the topics by which followers get one of these tags."""
    ids, known = topic_ids(session), lineage(session)
    return {ids[name] for tag in tags for name in _up(known, tag)}


def _up(known: TopicTree, tag: str) -> tuple[str, ...]:
    if tag not in known.parents:
        raise UnknownTopic(
            f"there is no topic {tag!r}: add it to topics.toml, or mend the name"
        )
    return known.up(tag)
