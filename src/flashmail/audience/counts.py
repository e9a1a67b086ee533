"""How many people there are, by status, topic and segment, day by day.

It is counted while somebody serves the pages: no page has to wait for it, and what was
counted on earlier days shows how a topic grows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlmodel import Session, col, func

from flashmail.audience.condition import COLUMNS
from flashmail.audience.segment import FIELD, Segment
from flashmail.audience.selection import audience_query
from flashmail.errors import WrongInput
from flashmail.model import (
    Headcount,
    HeadcountKind,
    Subscriber,
    SubscriberStatus,
    Subscription,
    Topic,
)

#: Growth is told for so many weeks.
WEEKS = 12


class Headcounts(NamedTuple):
    """How many people of one name there are, and since when that is known."""

    people: int
    counted_at: datetime


#: People of each name, by what they were counted by.
Counted = Mapping[HeadcountKind, Mapping[str, int]]


def heads(session: Session, segments: Mapping[str, Segment]) -> Counted:
    """Count everybody: that takes a while, and keeps no writer waiting."""
    return {
        HeadcountKind.STATUS: by_status(session),
        HeadcountKind.TOPIC: by_topic(session),
        HeadcountKind.SEGMENT: by_segment(session, segments),
    }


def keep_heads(session: Session, counted: Counted, *, now: datetime) -> None:
    """Keep what was counted as today's count."""
    day = now.date()
    session.execute(delete(Headcount).where(col(Headcount.day) == day))
    for kind, people in counted.items():
        for name, n in people.items():
            session.add(
                Headcount(day=day, kind=kind, name=name, people=n, counted_at=now)
            )
    session.flush()


def by_status(session: Session) -> dict[str, int]:
    """Count subscribers by status."""
    rows = session.execute(
        select(col(Subscriber.status), func.count()).group_by(col(Subscriber.status))
    )
    counted = {SubscriberStatus(status).value: n for status, n in rows}
    return dict.fromkeys((each.value for each in SubscriberStatus), 0) | counted


def by_topic(session: Session) -> dict[str, int]:
    """Count the active followers of each topic, by the topic's slug."""
    away = select(col(Subscriber.id)).where(
        col(Subscriber.status) != SubscriberStatus.ACTIVE
    )
    follower = col(Subscription.subscriber_id)
    rows = session.execute(
        select(col(Subscription.topic_id), func.count())
        .where(follower.not_in(away))
        .group_by(col(Subscription.topic_id))
    )
    counted = {topic_id: n for topic_id, n in rows}
    slugs = session.execute(select(col(Topic.id), col(Topic.slug)))
    return {slug: counted.get(topic_id, 0) for topic_id, slug in slugs}


def by_segment(session: Session, segments: Mapping[str, Segment]) -> dict[str, int]:
    """Count the audience of each segment; one that cannot be counted is left out."""
    counted = {}
    for name, segment in segments.items():
        try:
            counted[name] = size(session, segment)
        except WrongInput:  # its topic is gone: the page of segments says so
            continue
    return counted


def size(session: Session, segment: Segment) -> int:
    """Return how many people would get what goes to a segment now."""
    meant = audience_query(session, segment).subquery()
    people: int = session.execute(select(func.count()).select_from(meant)).scalar_one()
    return people


def latest(session: Session, kind: HeadcountKind) -> dict[str, Headcounts]:
    """Return the last count of each name; empty before the first one."""
    last = select(func.max(col(Headcount.day))).scalar_subquery()
    rows = session.execute(
        select(col(Headcount.name), col(Headcount.people), col(Headcount.counted_at))
        .where(col(Headcount.kind) == kind)
        .where(col(Headcount.day) == last)
    )
    return {name: Headcounts(people, at) for name, people, at in rows}


def growth(
    session: Session, kind: HeadcountKind, *, now: datetime
) -> dict[str, list[int | None]]:
    """Return the last count of each of the latest weeks, the oldest first.

    None stands for a week in which nobody was counted.
    """
    begin = now.date() - timedelta(weeks=WEEKS) + timedelta(days=1)
    rows = session.execute(
        select(col(Headcount.name), col(Headcount.day), col(Headcount.people))
        .where(col(Headcount.kind) == kind, col(Headcount.day) >= begin)
        .order_by(col(Headcount.day))
    )
    weeks: dict[str, list[int | None]] = {}
    for name, day, people in rows:
        line = weeks.setdefault(name, [None] * WEEKS)
        line[min((day - begin).days // 7, WEEKS - 1)] = people
    return weeks


def change(line: Iterable[int | None]) -> int | None:
    """Return by how much some counts grew; None where there are not two."""
    known = [each for each in line if each is not None]
    return known[-1] - known[0] if len(known) > 1 else None


#: So many people are shown of a segment.
SAMPLE = 10

#: Attributes are looked for among the most recent subscribers.
LOOKED_AT = 1_000


class SegmentMember(NamedTuple):
    """A subscriber in a segment."""

    id: int
    address: str
    name: str


@dataclass(frozen=True)
class SegmentPreview:
    """How many people would get what goes to a segment now, and some of them."""

    people: int
    sample: list[SegmentMember]


@dataclass(frozen=True)
class Overlap:
    """How many people two segments mean: each of them, and both."""

    one: int
    other: int
    both: int


def preview_segment(session: Session, segment: Segment) -> SegmentPreview:
    """Count a segment, and show some of its people."""
    if segment.says_nothing:
        return SegmentPreview(0, [])
    some = audience_query(session, segment).order_by(col(Subscriber.id)).limit(SAMPLE)
    rows = session.execute(
        select(col(Subscriber.id), col(Subscriber.address), col(Subscriber.name))
        .where(col(Subscriber.id).in_(session.execute(some).scalars().all()))
        .order_by(col(Subscriber.id))
    )
    sample = [
        SegmentMember(number or 0, address, name) for number, address, name in rows
    ]
    return SegmentPreview(size(session, segment), sample)


def overlap(session: Session, one: Segment, other: Segment) -> Overlap:
    """Count the members of two segments, alone and together."""
    both = (
        audience_query(session, one)
        .where(col(Subscriber.id).in_(audience_query(session, other)))
        .subquery()
    )
    common: int = session.execute(select(func.count()).select_from(both)).scalar_one()
    return Overlap(size(session, one), size(session, other), common)


def fields(session: Session) -> list[str]:
    """Return what a condition can ask for: columns, and attributes that people have."""
    latest = (
        select(col(Subscriber.attributes))
        .order_by(col(Subscriber.id).desc())
        .limit(LOOKED_AT)
    )
    known = {name for each in session.execute(latest).scalars() for name in each}
    return sorted(COLUMNS) + sorted(
        name for name in known - COLUMNS if FIELD.fullmatch(name)
    )
