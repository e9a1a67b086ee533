"""Write events down once, and draw their consequences."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col

from flashmail.model import (
    Delivery,
    Event,
    EventKind,
    Subscriber,
    SubscriberStatus,
    Suppression,
)
from flashmail.tracking.rules import CONSEQUENCES, MOVES


def record(session: Session, events: Iterable[Event]) -> int:
    """Keep each new event, move its delivery on and suppress its reader if it says so.

    Returns how many were new. An event of a delivery that is not ours, or was erased,
    is left out: nothing of it is kept.
    """
    return sum(_record_one(session, event) for event in events)


def suppress(
    session: Session,
    subscriber_id: int,
    reason: SubscriberStatus,
    *,
    now: datetime,
    detail: str = "",
) -> None:
    """See to it that an address gets no more mail; the first reason stays."""
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is None:
        return
    if session.get(Suppression, subscriber.key) is None:
        session.add(
            Suppression(key=subscriber.key, reason=reason, since=now, detail=detail)
        )
        subscriber.status = reason
    session.flush()


def _record_one(session: Session, event: Event) -> bool:
    key = (event.campaign_id, event.subscriber_id)
    if session.get(Event, event.key) or session.get(Delivery, key) is None:
        return False
    session.add(event)
    sources, target = MOVES[event.kind]
    session.execute(
        update(Delivery)
        .where(col(Delivery.campaign_id) == event.campaign_id)
        .where(col(Delivery.subscriber_id) == event.subscriber_id)
        .where(col(Delivery.state).in_(sources))
        .values(
            state=target,
            at=event.recorded_at,
            reason=event.detail,
            retryable=event.kind is EventKind.BLOCKED,
        )
    )
    if event.kind in CONSEQUENCES:
        suppress(
            session,
            event.subscriber_id,
            CONSEQUENCES[event.kind],
            now=event.recorded_at,
            detail=event.detail,
        )
    session.flush()
    return True
