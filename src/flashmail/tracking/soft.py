"""Whose address turned mail away too often: the question to the tables."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, col, or_, select

from flashmail.model import Campaign, Delivery, DeliveryState, Event, EventKind
from flashmail.tracking import rules
from flashmail.tracking.told import Deed

Moments = dict[int, list[datetime]]


def worn_out(session: Session, new: Sequence[Deed]) -> list[int]:
    """Return the readers among those of new soft bounces who have had too many.

    Neither table can be searched by reader alone, so it goes by the campaigns of the
    last weeks: refusals are few in each, and a reader's delivery is found by its key.
    """
    if not new:
        return []
    campaigns = _recent(session, min(event.at for event in new))
    readers = {event.subscriber_id for event in new}
    refused = _refused(session, campaigns, readers)
    often = {each for each, at in refused.items() if rules.worn_out(at, [])}
    if not often:
        return []
    now = max(event.recorded_at for event in new)
    arrived = _arrived(session, campaigns, often, now)
    return sorted(e for e in often if rules.worn_out(refused[e], arrived[e]))


def _recent(session: Session, at: datetime) -> list[int]:
    begin = at - rules.SOFT_WINDOW - rules.SILENCE
    found = select(Campaign.id).where(col(Campaign.started_at) >= begin)
    return [each for each in session.exec(found) if each is not None]


def _refused(
    session: Session, campaigns: Iterable[int], readers: Iterable[int]
) -> Moments:
    events = session.exec(
        select(Event.subscriber_id, Event.at, Event.kind, Event.detail)
        .where(col(Event.campaign_id).in_(campaigns))
        .where(col(Event.kind) == EventKind.BLOCKED)
        .where(col(Event.subscriber_id).in_(readers))
    )
    moments: Moments = defaultdict(list)
    for reader, at, kind, detail in events:
        if rules.strains(EventKind(kind), detail):
            moments[reader].append(at)
    return moments


def _arrived(
    session: Session, campaigns: Iterable[int], readers: Iterable[int], now: datetime
) -> Moments:
    """Return when mail arrived: somebody said so, or nobody complained for days."""
    silent = (col(Delivery.state) == DeliveryState.SENT) & (
        col(Delivery.at) <= now - rules.SILENCE
    )
    deliveries = session.exec(
        select(Delivery.subscriber_id, Delivery.at)
        .where(col(Delivery.campaign_id).in_(campaigns))
        .where(col(Delivery.subscriber_id).in_(readers))
        .where(or_(col(Delivery.state) == DeliveryState.DELIVERED, silent))
    )
    moments: Moments = defaultdict(list)
    for reader, at in deliveries:
        moments[reader].append(at)
    return moments
