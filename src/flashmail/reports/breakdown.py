"""A campaign over time: how many people it had reached at each moment, and so on."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, String, cast, select
from sqlmodel import Session, col, distinct, func

from flashmail.audience.condition_sql import domain_of
from flashmail.audience.segment import Segment
from flashmail.audience.topics import lineage, topic_ids
from flashmail.database import is_sqlite
from flashmail.model import (
    Campaign,
    Delivery,
    DeliveryState,
    Event,
    EventKind,
    Subscriber,
    Subscription,
)

#: So many domains are told, those with the most mails.
DOMAINS_SHOWN = 20

_ACCEPTED = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.BOUNCED)


@dataclass(frozen=True)
class Breakdown:
    """Some of a campaign's readers, and what became of their mails."""

    name: str
    addressed: int = 0
    accepted: int = 0
    bounced: int = 0
    failed: int = 0
    opened: int = 0
    clicked: int = 0
    complained: int = 0


def by_domain(session: Session, campaign_id: int) -> list[Breakdown]:
    """Return the receiving domains with the most mails."""
    domain = domain_of(session)
    largest: Select[Any] = (
        select(domain.label("name"))
        .join(Delivery, col(Delivery.subscriber_id) == col(Subscriber.id))
        .where(col(Delivery.campaign_id) == campaign_id)
        .group_by(domain)
        .order_by(func.count().desc(), domain)
        .limit(DOMAINS_SHOWN)
    )
    names = list(session.execute(largest).scalars())
    person = col(Subscriber.id)
    return _groups(session, campaign_id, domain, person, {each: each for each in names})


def by_topic(session: Session, campaign: Campaign) -> list[Breakdown]:
    """Return the topics through which it came: a follower of two of them is in both."""
    known, ids = lineage(session), topic_ids(session)
    bringing = [
        above
        for name in Segment.from_json(campaign.audience).bringing
        if name in known.parents
        for above in known.up(name)
    ]
    names = {ids[name]: name for name in dict.fromkeys(bringing)}
    topic, person = col(Subscription.topic_id), col(Subscription.subscriber_id)
    return _groups(session, campaign.id or 0, topic, person, names)


def _groups(
    session: Session,
    campaign_id: int,
    group: SQLColumnExpression[Any],
    person: SQLColumnExpression[Any],
    names: Mapping[Any, str],
) -> list[Breakdown]:
    """Count deliveries and events by a column of the table that `person` stands in."""
    if not names:
        return []
    mails = session.execute(
        select(group, col(Delivery.state), func.count())
        .join(Delivery, col(Delivery.subscriber_id) == person)
        .where(col(Delivery.campaign_id) == campaign_id, group.in_(names))
        .group_by(group, col(Delivery.state))
    )
    deeds = session.execute(
        select(group, col(Event.kind), func.count(distinct(col(Event.subscriber_id))))
        .join(Event, col(Event.subscriber_id) == person)
        .where(col(Event.campaign_id) == campaign_id, group.in_(names))
        .group_by(group, col(Event.kind))
    )
    return list(_filled(names, mails, deeds))


def _filled(
    names: Mapping[Any, str], mails: Iterable[Any], deeds: Iterable[Any]
) -> Iterable[Breakdown]:
    states: dict[tuple[Any, str], int] = {(g, s.value): n for g, s, n in mails}
    kinds: dict[tuple[Any, str], int] = {(g, k.value): n for g, k, n in deeds}
    for key, name in names.items():
        yield Breakdown(
            name,
            addressed=sum(n for (group, _), n in states.items() if group == key),
            accepted=sum(states.get((key, each.value), 0) for each in _ACCEPTED),
            bounced=states.get((key, DeliveryState.BOUNCED.value), 0),
            failed=states.get((key, DeliveryState.FAILED.value), 0),
            opened=kinds.get((key, EventKind.OPENED.value), 0),
            clicked=kinds.get((key, EventKind.CLICKED.value), 0),
            complained=kinds.get((key, EventKind.COMPLAINED.value), 0),
        )


#: The lines of the chart, in the order in which things happen.
REACHED = "sent or delivered"

DEEDS = (
    EventKind.OPENED,
    EventKind.CLICKED,
    EventKind.UNSUBSCRIBED,
    EventKind.COMPLAINED,
)

#: What is shown at most: later than that, little happens.
SPAN = timedelta(days=14)

#: Steps of the time axis in minutes, and how many of them there may be.
STEPS = (1, 5, 15, 60, 180, 720, 1440)

STEPS_SHOWN = 60

_TAKEN = (DeliveryState.SENT, DeliveryState.DELIVERED)


@dataclass(frozen=True)
class EngagementTimeline:
    """People so far, at the end of each step; `lines` are as long as `times`.

    An event of one reader counts when it happened first.
    """

    minutes: int
    times: tuple[datetime, ...]
    lines: dict[str, tuple[int, ...]]


def timeline(session: Session, campaign: Campaign) -> EngagementTimeline:
    """Count how many people a campaign had reached, and what they had done, by when."""
    begin = campaign.started_at
    if begin is None or campaign.id is None:
        return EngagementTimeline(STEPS[0], (), {})
    counted = {REACHED: _counted(session, _reached(session, campaign.id))}
    for deed in DEEDS:
        counted[deed.value] = _counted(session, _first(session, campaign.id, deed))
    return drawn(begin, counted)


def drawn(
    begin: datetime, counted: dict[str, dict[datetime, int]]
) -> EngagementTimeline:
    """Add up what happened in each minute into lines of as many steps as fit."""
    begin = begin.replace(second=0, microsecond=0)
    end = min(
        max((at for minutes in counted.values() for at in minutes), default=begin),
        begin + SPAN,
    )
    whole = (end - begin) // timedelta(minutes=1) + 1
    minutes = next((each for each in STEPS if whole <= each * STEPS_SHOWN), STEPS[-1])
    steps = -(-whole // minutes)
    return EngagementTimeline(
        minutes,
        tuple(begin + timedelta(minutes=minutes * (n + 1)) for n in range(steps)),
        {
            name: _summed(begin, minutes, steps, happened)
            for name, happened in counted.items()
        },
    )


def _summed(
    begin: datetime, minutes: int, steps: int, happened: dict[datetime, int]
) -> tuple[int, ...]:
    by_step: Counter[int] = Counter()
    for at, n in happened.items():
        # A reporter's clock may be behind ours.
        by_step[max(0, (at - begin) // timedelta(minutes=minutes))] += n
    total, line = 0, []
    for step in range(steps):
        total += by_step[step]
        line.append(total)
    return tuple(line)


def _reached(session: Session, campaign_id: int) -> Select[Any, Any]:
    minute = _minute(session, col(Delivery.state_since))
    return (
        select(minute, func.count())
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state).in_(_TAKEN))
        .group_by(minute)
    )


def _first(session: Session, campaign_id: int, kind: EventKind) -> Select[Any, Any]:
    first = (
        select(func.min(Event.at).label("at"))
        .where(col(Event.campaign_id) == campaign_id, col(Event.kind) == kind)
        .group_by(col(Event.subscriber_id))
    ).subquery()
    minute = _minute(session, first.c.at)
    return select(minute, func.count()).group_by(minute)


def _minute(session: Session, moment: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """Return a moment's minute in UTC as a text, as in 2026-03-02 12:05."""
    if is_sqlite(session):
        return func.substr(cast(moment, String), 1, 16)
    return func.to_char(func.timezone("UTC", moment), "YYYY-MM-DD HH24:MI")


def _counted(session: Session, statement: Select[Any, Any]) -> dict[datetime, int]:
    return {
        datetime.fromisoformat(minute).replace(tzinfo=UTC): n
        for minute, n in session.execute(statement)
    }
