"""Write events down once, and draw their consequences.

A provider posts a thousand at a time, so a few statements do for all of them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from operator import itemgetter

from sqlalchemy import select as columns
from sqlmodel import Session, col, or_, select

from flashmail.audience.suppression import Reason, suppress_subscribers
from flashmail.model import (
    ENGAGEMENT,
    Campaign,
    Delivery,
    DeliveryState,
    Event,
    EventKind,
    SubscriberStatus,
)
from flashmail.tracking import rules
from flashmail.tracking.engagement import DeliverySnapshot, classify
from flashmail.tracking.events import (
    RecordedEvent,
    Row,
    add_events,
    among,
    move_deliveries,
)
from flashmail.tracking.rules import (
    IN_DOUBT,
    MOVES,
    SOFT_BOUNCES,
    SOFT_WINDOW,
    STRENGTH,
    consequence,
    counts_as_soft_bounce,
    moved,
)

Moments = dict[int, list[datetime]]


def over_soft_bounce_limit(session: Session, new: Sequence[RecordedEvent]) -> list[int]:
    """Return the readers among those of new soft bounces with too many of them.

    Neither table can be searched by reader alone, so it goes by the campaigns of the
    last weeks: refusals are few in each, and a reader's delivery is found by its key.
    """
    if not new:
        return []
    campaigns = _recent(session, min(event.at for event in new))
    readers = {event.subscriber_id for event in new}
    refused = _refused(session, campaigns, readers)
    often = {
        each for each, at in refused.items() if rules.is_over_soft_bounce_limit(at, [])
    }
    if not often:
        return []
    now = max(event.recorded_at for event in new)
    arrived = _arrived(session, campaigns, often, now)
    return sorted(
        e for e in often if rules.is_over_soft_bounce_limit(refused[e], arrived[e])
    )


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
        if rules.counts_as_soft_bounce(EventKind(kind), detail):
            moments[reader].append(at)
    return moments


def _arrived(
    session: Session, campaigns: Iterable[int], readers: Iterable[int], now: datetime
) -> Moments:
    """Return when mail arrived: somebody said so, or nobody complained for days."""
    silent = (col(Delivery.state) == DeliveryState.SENT) & (
        col(Delivery.state_since) <= now - rules.SILENCE
    )
    deliveries = session.exec(
        select(Delivery.subscriber_id, Delivery.state_since)
        .where(col(Delivery.campaign_id).in_(campaigns))
        .where(col(Delivery.subscriber_id).in_(readers))
        .where(or_(col(Delivery.state) == DeliveryState.DELIVERED, silent))
    )
    moments: Moments = defaultdict(list)
    for reader, at in deliveries:
        moments[reader].append(at)
    return moments


BOUNCED = SubscriberStatus.BOUNCED

WORN = f"turned mail away on {SOFT_BOUNCES} days of {SOFT_WINDOW.days}"

#: Events that are written down together.
TOGETHER = 1000

Pair = tuple[int, int]  # (campaign id, subscriber id)


def record(session: Session, events: Iterable[RecordedEvent]) -> int:
    """Keep each new event, move its delivery on and suppress its reader if it says so.

    Returns how many were new. An event of a delivery that is not ours, or was erased,
    is left out: nothing of it is kept. The order of events makes no difference.
    """
    waiting, count = iter(events), 0
    while some := list(islice(waiting, TOGETHER)):
        count += _record(session, some)
    return count


def _record(session: Session, events: Sequence[RecordedEvent]) -> int:
    session.flush()
    named = {event.key: event for event in reversed(events)}
    stands = _stands(session, named.values())
    known = _known(session, named)
    new = [
        event
        for event in reversed(named.values())
        if event.key not in known and _tells(event, stands.get(_pair(event)))
    ]
    if not new:
        return 0
    classify(session, [each for each in new if each.kind in ENGAGEMENT], stands)
    add_events(session, new)
    _move(session, new, stands)
    # What happened first is the reason; a key decides between events of one moment.
    new.sort(key=lambda event: (event.at, event.key))
    suppress_subscribers(session, dict(reversed(list(_consequences(new)))))
    worn = over_soft_bounce_limit(
        session, [e for e in new if counts_as_soft_bounce(e.kind, e.detail)]
    )
    suppress_subscribers(
        session, {each: (BOUNCED, new[0].recorded_at, WORN) for each in worn}
    )
    return len(new)


def _known(session: Session, keys: Collection[str]) -> set[str]:
    """Return which events are kept already."""
    found = columns(col(Event.key)).where(among(session, col(Event.key), keys))
    return {key for (key,) in session.connection().execute(found)}


def _stands(
    session: Session, events: Iterable[RecordedEvent]
) -> dict[Pair, DeliverySnapshot]:
    """Return in which states the deliveries are that events are about."""
    readers: defaultdict[int, set[int]] = defaultdict(set)
    for event in events:
        readers[event.campaign_id].add(event.subscriber_id)
    stands = {}
    for campaign, ids in readers.items():
        found = (
            columns(
                col(Delivery.subscriber_id),
                col(Delivery.state),
                col(Delivery.state_since),
            )
            .where(col(Delivery.campaign_id) == campaign)
            .where(among(session, col(Delivery.subscriber_id), ids))
        )
        for reader, state, at in session.connection().execute(found):
            stands[campaign, reader] = (state, at)
    return stands


def _tells(event: RecordedEvent, stands: DeliverySnapshot | None) -> bool:
    """Whether an event is about a delivery of ours, and says something about it.

    That the provider has a mail is news only where we did not know: a row for each of a
    million mails that were accepted would say nothing.
    """
    if event.kind is EventKind.ACCEPTED:
        return stands is not None and stands[0] in IN_DOUBT
    return stands is not None


def _pair(event: RecordedEvent) -> Pair:
    return event.campaign_id, event.subscriber_id


def _move(
    session: Session,
    events: Iterable[RecordedEvent],
    stands: Mapping[Pair, DeliverySnapshot],
) -> None:
    """Move each delivery by the strongest of its events: the others add nothing.

    A delivery that has been moved before is left out: no state that an event leads to
    leads back.
    """
    strongest: dict[Pair, RecordedEvent] = {}
    for event in events:
        before = strongest.setdefault(_pair(event), event)
        if STRENGTH[event.kind] > STRENGTH[before.kind]:
            strongest[_pair(event)] = event
    moves: dict[EventKind, list[Row]] = defaultdict(list)
    # In one order everywhere, so that two posts never wait for each other.
    for pair, event in sorted(strongest.items(), key=itemgetter(0)):
        state, since = stands[pair]
        if moved(state, event.kind) is not state:
            blocked = event.kind is EventKind.BLOCKED
            # A reader that opens a mail has got it, but since when is not known.
            silent = state is DeliveryState.SENT and event.kind in ENGAGEMENT
            at = since if silent else event.recorded_at
            row = (at, event.detail, blocked, *pair)
            moves[event.kind].append(row)
    for kind, rows in moves.items():
        sources, target = MOVES[kind]
        move_deliveries(session, target, sources, rows)


def _consequences(events: Iterable[RecordedEvent]) -> Iterator[tuple[int, Reason]]:
    for event in events:
        if reason := consequence(event.kind, event.detail):
            yield event.subscriber_id, (reason, event.recorded_at, event.detail)
