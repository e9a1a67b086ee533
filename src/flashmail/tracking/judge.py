"""Judge opens and clicks by the rules, in the light of the reader's other ones."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Engine, bindparam, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from flashmail.database import reading, transaction
from flashmail.model import ENGAGEMENT, Actor, DeliveryState, Event
from flashmail.tracking.honest import Label, labels
from flashmail.tracking.rows import COLUMNS, among
from flashmail.tracking.told import Deed, Told

Pair = tuple[int, int]  # (campaign id, subscriber id)

#: In which state a delivery is, and since when.
Standing = tuple[DeliveryState, datetime]

#: States whose moment is that of the delivery, while nothing else is known.
ARRIVED = frozenset({DeliveryState.SENT, DeliveryState.DELIVERED})


def judge(
    session: Session, new: Sequence[Deed], stands: Mapping[Pair, Standing]
) -> None:
    """Say of new events who did it, and of older ones what the new ones show."""
    if not new:
        return
    older = _events(session, new)
    _date(new, older, stands)
    both: defaultdict[Pair, list[Deed]] = defaultdict(list)
    for event in (*older, *new):
        both[event.campaign_id, event.subscriber_id].append(event)
    judged = {key: one for each in both.values() for key, one in labels(each).items()}
    for event in new:
        event.actor, event.actor_reason = judged[event.key]
    _change(session, older, judged)


def relabel(engine: Engine, campaign_id: int | None = None) -> tuple[int, int]:
    """Judge all events anew; return how many there are, and how many came out
    otherwise. Nothing but what is kept with them decides.

    Campaign by campaign: all in one would keep senders waiting.
    """
    seen = changed = 0
    if campaign_id is None:
        with reading(engine) as session:
            every = select(Event.campaign_id).distinct()
            campaigns = session.exec(every.order_by(col(Event.campaign_id))).all()
    else:
        campaigns = [campaign_id]
    for each in campaigns:
        with transaction(engine) as session:
            for events in _in_groups(session, each):
                seen += len(events)
                changed += _change(session, events, labels(events))
    return seen, changed


def _events(session: Session, new: Iterable[Deed]) -> list[Told]:
    """Return what the same people did with the same mails before."""
    pairs = {(event.campaign_id, event.subscriber_id) for event in new}
    found = (
        columns(*COLUMNS)
        .where(among(session, col(Event.subscriber_id), {who for _, who in pairs}))
        .where(col(Event.kind).in_(sorted(ENGAGEMENT)))
    )
    rows = session.connection().execute(found)
    return [Told(*row) for row in rows if (row[1], row[2]) in pairs]


def _date(
    new: Iterable[Deed], older: Iterable[Deed], stands: Mapping[Pair, Standing]
) -> None:
    """Say how long after its delivery each new event was."""
    begun: dict[Pair, datetime] = {}
    for event in sorted(older, key=lambda event: event.at):
        if event.after is not None:
            # The delivery's own moment may have been overwritten by this event.
            begun[event.campaign_id, event.subscriber_id] = event.at - timedelta(
                seconds=event.after
            )
    for event in new:
        pair = event.campaign_id, event.subscriber_id
        state, moment = stands[pair]
        at = begun.get(pair) or (moment if state in ARRIVED else None)
        if at is not None:
            event.after = round((event.at - at).total_seconds(), 1)


def _change(
    session: Session, events: Iterable[Deed], judged: Mapping[str, Label]
) -> int:
    rows = [
        {"its_key": e.key, "is_now": judged[e.key][0], "because": judged[e.key][1]}
        for e in events
        if (Actor(e.actor), e.actor_reason) != judged[e.key]
    ]
    if rows:
        statement = (
            update(Event.__table__)  # type: ignore[attr-defined]
            .where(col(Event.key) == bindparam("its_key"))
            .values(actor=bindparam("is_now"), actor_reason=bindparam("because"))
        )
        session.connection().execute(statement, rows)
    return len(rows)


def _in_groups(session: Session, campaign_id: int) -> Iterator[list[Told]]:
    """Yield a campaign's events, those of one reader together."""
    found = session.connection().execute(
        columns(*COLUMNS)
        .where(col(Event.campaign_id) == campaign_id)
        .where(col(Event.kind).in_(sorted(ENGAGEMENT)))
        .order_by(col(Event.subscriber_id), col(Event.at), col(Event.key))
    )
    told = (Told(*row) for row in found)
    for _, events in groupby(told, lambda event: event.subscriber_id):
        yield list(events)
