"""Write events down once, and draw their consequences.

A provider posts a thousand at a time, so a few statements do for all of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import bindparam, or_, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, select

from flashmail.database import is_sqlite
from flashmail.model import (
    Delivery,
    Event,
    EventKind,
    Subscriber,
    SubscriberStatus,
    Suppression,
)
from flashmail.tracking.rules import (
    MOVES,
    SOFT_BOUNCES,
    SOFT_WINDOW,
    STRENGTH,
    consequence,
    strains,
)
from flashmail.tracking.soft import worn_out

BOUNCED = SubscriberStatus.BOUNCED
WORN = f"turned mail away on {SOFT_BOUNCES} days of {SOFT_WINDOW.days}"

#: Events that are written down together; each takes two places for values.
TOGETHER = 1000

Pair = tuple[int, int]  # (campaign id, subscriber id)
Reason = tuple[SubscriberStatus, datetime, str]  # what for, since when, in words


def record(session: Session, events: Iterable[Event]) -> int:
    """Keep each new event, move its delivery on and suppress its reader if it says so.

    Returns how many were new. An event of a delivery that is not ours, or was erased,
    is left out: nothing of it is kept. The order of events makes no difference.
    """
    waiting, count = iter(events), 0
    while some := list(islice(waiting, TOGETHER)):
        count += _record(session, some)
    return count


def suppress(
    session: Session,
    subscriber_id: int,
    reason: SubscriberStatus,
    *,
    now: datetime,
    detail: str = "",
) -> None:
    """See to it that an address gets no more mail; the first reason stays."""
    _suppress(session, {subscriber_id: (reason, now, detail)})


def _record(session: Session, events: Sequence[Event]) -> int:
    session.flush()
    new = _new(session, events)
    if not new:
        return 0
    _add(session, Event, [event.model_dump() for event in new])
    _move(session, new)
    # What happened first is the reason; a key decides between events of one moment.
    new.sort(key=lambda event: (event.at, event.key))
    _suppress(session, dict(reversed(list(_consequences(new)))))
    worn = worn_out(session, [e for e in new if strains(e.kind, e.detail)])
    _suppress(session, {each: (BOUNCED, new[0].recorded_at, WORN) for each in worn})
    return len(new)


def _new(session: Session, events: Sequence[Event]) -> list[Event]:
    """Return the events that are not kept yet and belong to a delivery, each once."""
    named = {event.key: event for event in reversed(events)}
    known = set(session.exec(select(Event.key).where(col(Event.key).in_(named))))
    pairs = {_pair(event) for event in events}
    place = tuple_(col(Delivery.campaign_id), col(Delivery.subscriber_id))
    ours = set(
        session.exec(
            select(Delivery.campaign_id, Delivery.subscriber_id).where(place.in_(pairs))
        )
    )
    return [
        event
        for event in reversed(named.values())
        if event.key not in known and _pair(event) in ours
    ]


def _pair(event: Event) -> Pair:
    return event.campaign_id, event.subscriber_id


def _move(session: Session, events: Iterable[Event]) -> None:
    """Move each delivery by the strongest of its events: the others add nothing."""
    strongest: dict[Pair, Event] = {}
    for event in events:
        before = strongest.setdefault(_pair(event), event)
        if STRENGTH[event.kind] > STRENGTH[before.kind]:
            strongest[_pair(event)] = event
    moves: dict[EventKind, list[dict[str, object]]] = defaultdict(list)
    # In one order everywhere, so that two posts never wait for each other.
    for pair, event in sorted(strongest.items()):
        moves[event.kind].append(
            {
                "campaign": pair[0],
                "subscriber": pair[1],
                "at": event.recorded_at,
                "reason": event.detail,
                "retryable": event.kind is EventKind.BLOCKED,
            }
        )
    for kind, rows in moves.items():
        _move_all(session, kind, rows)


def _move_all(
    session: Session, kind: EventKind, rows: Sequence[Mapping[str, object]]
) -> None:
    sources, target = MOVES[kind]
    statement = (
        update(Delivery.__table__)  # type: ignore[attr-defined]
        .where(col(Delivery.campaign_id) == bindparam("campaign"))
        .where(col(Delivery.subscriber_id) == bindparam("subscriber"))
        # in_() would be spelled anew for each row.
        .where(or_(*(col(Delivery.state) == state for state in sorted(sources))))
        .values(state=target)
    )
    session.connection().execute(statement, rows)


def _consequences(events: Iterable[Event]) -> Iterator[tuple[int, Reason]]:
    for event in events:
        if reason := consequence(event.kind, event.detail):
            yield event.subscriber_id, (reason, event.recorded_at, event.detail)


def _suppress(session: Session, reasons: Mapping[int, Reason]) -> None:
    if not reasons:
        return
    session.flush()
    who = select(Subscriber.id, Subscriber.key).where(col(Subscriber.id).in_(reasons))
    keys = {key: each for each, key in session.exec(who) if each is not None}
    known = select(Suppression.key).where(col(Suppression.key).in_(keys))
    for key in session.exec(known).all():
        del keys[key]
    rows: list[dict[str, Any]] = [
        dict(zip(("reason", "since", "detail"), reasons[each], strict=True), key=key)
        for key, each in sorted(keys.items())
    ]
    _add(session, Suppression, rows)
    for reason in {row["reason"] for row in rows}:
        left = [keys[row["key"]] for row in rows if row["reason"] is reason]
        session.execute(
            update(Subscriber)
            .where(col(Subscriber.id).in_(left))
            .values(status=reason)
            .execution_options(synchronize_session="fetch")
        )


def _add(
    session: Session, table: type[SQLModel], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Add rows; where another post was quicker, its row stays."""
    if not rows:
        return
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    into = insert(table.__table__).on_conflict_do_nothing()  # type: ignore[attr-defined]
    session.connection().execute(into, rows)
