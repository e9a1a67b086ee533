"""A campaign by receiving domain, and by the topics that its readers follow."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, SQLColumnExpression, select
from sqlmodel import Session, col, distinct, func

from flashmail.audience.lookup import domain_of
from flashmail.audience.segment import Segment
from flashmail.audience.topics import lineage, topic_ids
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
class Group:
    """Some of a campaign's readers, and what became of their mails."""

    name: str
    addressed: int = 0
    accepted: int = 0
    bounced: int = 0
    failed: int = 0
    opened: int = 0
    clicked: int = 0
    complained: int = 0


def by_domain(session: Session, campaign_id: int) -> list[Group]:
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


def by_topic(session: Session, campaign: Campaign) -> list[Group]:
    """Return the topics through which it came: who follows two of them is in both."""
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
) -> list[Group]:
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
) -> Iterable[Group]:
    states: dict[tuple[Any, str], int] = {(g, s.value): n for g, s, n in mails}
    kinds: dict[tuple[Any, str], int] = {(g, k.value): n for g, k, n in deeds}
    for key, name in names.items():
        yield Group(
            name,
            addressed=sum(n for (group, _), n in states.items() if group == key),
            accepted=sum(states.get((key, each.value), 0) for each in _ACCEPTED),
            bounced=states.get((key, DeliveryState.BOUNCED.value), 0),
            failed=states.get((key, DeliveryState.FAILED.value), 0),
            opened=kinds.get((key, EventKind.OPENED.value), 0),
            clicked=kinds.get((key, EventKind.CLICKED.value), 0),
            complained=kinds.get((key, EventKind.COMPLAINED.value), 0),
        )
