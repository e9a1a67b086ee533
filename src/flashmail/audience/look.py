"""A look at a segment: how many it means, some of them, and what two have in common."""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import Session, col, func

from flashmail.audience.condition import COLUMNS
from flashmail.audience.headcount import size
from flashmail.audience.rule import FIELD
from flashmail.audience.segment import Segment
from flashmail.audience.select import audience_query
from flashmail.model import Subscriber

#: So many people are shown of a segment.
SAMPLE = 10

#: Attributes are looked for among the people who came last.
LOOKED_AT = 1_000


class Reader(NamedTuple):
    """Somebody whom a segment means."""

    id: int
    address: str
    name: str


@dataclass(frozen=True)
class Look:
    """How many people would get what goes to a segment now, and some of them."""

    people: int
    sample: list[Reader]


@dataclass(frozen=True)
class Overlap:
    """How many people two segments mean: each of them, and both."""

    one: int
    other: int
    both: int


def look(session: Session, segment: Segment) -> Look:
    """Count a segment, and show some of its people."""
    if segment.says_nothing:
        return Look(0, [])
    some = audience_query(session, segment).order_by(col(Subscriber.id)).limit(SAMPLE)
    rows = session.execute(
        select(col(Subscriber.id), col(Subscriber.address), col(Subscriber.name))
        .where(col(Subscriber.id).in_(session.execute(some).scalars().all()))
        .order_by(col(Subscriber.id))
    )
    sample = [Reader(number or 0, address, name) for number, address, name in rows]
    return Look(size(session, segment), sample)


def overlap(session: Session, one: Segment, other: Segment) -> Overlap:
    """Count whom two segments mean, alone and together."""
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
