"""Totals: engagement that is nobody's, and what stays when people's is erased."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Engine,
    Select,
    bindparam,
    case,
    delete,
    func,
    update,
)
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from flashmail.database import reading, transaction, upsert
from flashmail.links import NOBODY
from flashmail.model import (
    ALL_LINKS,
    ENGAGEMENT,
    Actor,
    Campaign,
    DeliveryState,
    EngagementTotal,
    Event,
    EventKind,
)
from flashmail.tracking.bot_detection import Label, label, labels
from flashmail.tracking.events import COLUMNS, NewEvent, RecordedEvent, among

Pair = tuple[int, int]  # (campaign id, subscriber id)

#: In which state a delivery is, and since when.
DeliverySnapshot = tuple[DeliveryState, datetime]

#: States with the moment of the delivery, while nothing else is known.
ARRIVED = frozenset({DeliveryState.SENT, DeliveryState.DELIVERED})


def classify(
    session: Session,
    new: Sequence[RecordedEvent],
    stands: Mapping[Pair, DeliverySnapshot],
) -> None:
    """Classify new events, and older ones again by what the new ones show."""
    if not new:
        return
    older = _events(session, new)
    _date(new, older, stands)
    both: defaultdict[Pair, list[RecordedEvent]] = defaultdict(list)
    for event in (*older, *new):
        both[event.campaign_id, event.subscriber_id].append(event)
    judged = {key: one for each in both.values() for key, one in labels(each).items()}
    for event in new:
        event.actor, event.actor_reason = judged[event.key]
    _change(session, older, judged)


def reclassify(engine: Engine, campaign_id: int | None = None) -> tuple[int, int]:
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


def _events(session: Session, new: Iterable[RecordedEvent]) -> list[NewEvent]:
    """Return what the same people did with the same mails before."""
    pairs = {(event.campaign_id, event.subscriber_id) for event in new}
    found = (
        columns(*COLUMNS)
        .where(among(session, col(Event.subscriber_id), {who for _, who in pairs}))
        .where(col(Event.kind).in_(sorted(ENGAGEMENT)))
    )
    rows = session.connection().execute(found)
    return [NewEvent(*row) for row in rows if (row[1], row[2]) in pairs]


def _date(
    new: Iterable[RecordedEvent],
    older: Iterable[RecordedEvent],
    stands: Mapping[Pair, DeliverySnapshot],
) -> None:
    """Say how long after its delivery each new event was."""
    begun: dict[Pair, datetime] = {}
    for event in sorted(older, key=lambda event: event.at):
        if event.seconds_after_delivery is not None:
            # The delivery's own moment may have been overwritten by this event.
            begun[event.campaign_id, event.subscriber_id] = event.at - timedelta(
                seconds=event.seconds_after_delivery
            )
    for event in new:
        pair = event.campaign_id, event.subscriber_id
        state, moment = stands[pair]
        at = begun.get(pair) or (moment if state in ARRIVED else None)
        if at is not None:
            event.seconds_after_delivery = round((event.at - at).total_seconds(), 1)


def _change(
    session: Session, events: Iterable[RecordedEvent], judged: Mapping[str, Label]
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


def _in_groups(session: Session, campaign_id: int) -> Iterator[list[NewEvent]]:
    """Yield a campaign's events, those of one reader together."""
    found = session.connection().execute(
        columns(*COLUMNS)
        .where(col(Event.campaign_id) == campaign_id)
        .where(col(Event.kind).in_(sorted(ENGAGEMENT)))
        .order_by(col(Event.subscriber_id), col(Event.at), col(Event.key))
    )
    told = (NewEvent(*row) for row in found)
    for _, events in groupby(told, lambda event: event.subscriber_id):
        yield list(events)


#: The most human first: as this a person is counted.
HUMANITY = (Actor.HUMAN, Actor.UNKNOWN, Actor.MACHINE)

#: What an opening has in place of a link's number.
NO_LINK = -2


class TotalKey(NamedTuple):
    """What is counted: a row of the table, by its key."""

    campaign_id: int
    kind: EventKind
    link: int
    actor: Actor


def without_people(
    session: Session,
    events: Iterable[RecordedEvent],
    *,
    keep: timedelta | None,
    now: datetime,
) -> list[RecordedEvent]:
    """Return the events that may be kept as somebody's; count the others.

    Those are of links that many have, and of campaigns that began so long ago (`keep`)
    that what people did with them is erased.
    """
    events = list(events)
    told = [event for event in events if event.kind in ENGAGEMENT]
    past = _past(session, {event.campaign_id for event in told}, keep, now)
    nameless = [
        event
        for event in told
        if event.subscriber_id == NOBODY or event.campaign_id in past
    ]
    if not nameless:
        return events
    known = _known(session, nameless)
    _add(session, _times([e for e in nameless if e.campaign_id in known]), {})
    counted = {id(event) for event in nameless}
    return [event for event in events if id(event) not in counted]


def erase(engine: Engine, *, keep: timedelta, now: datetime) -> int:
    """Erase what people opened and clicked in campaigns that began so long ago; their
    totals stay. Return how many events are gone.

    What happens with such a campaign later is nobody's from the beginning.
    """
    gone = 0
    with reading(engine) as session:
        campaigns = session.exec(
            select(Event.campaign_id)
            .join(Campaign, col(Campaign.id) == col(Event.campaign_id))
            .where(col(Event.kind).in_(sorted(ENGAGEMENT)))
            .where(col(Campaign.started_at) < now - keep)
            .distinct()
        ).all()
    for campaign_id in campaigns:
        with transaction(engine) as session:
            gone += _erase(session, campaign_id)
    return gone


def _erase(session: Session, campaign_id: int) -> int:
    ours = (col(Event.campaign_id) == campaign_id) & col(Event.kind).in_(
        sorted(ENGAGEMENT)
    )
    # Of two processes that do this at once, the second finds nothing left to count.
    session.get_one(Campaign, campaign_id, with_for_update=True)
    times, people = _counted(session, campaign_id)
    _add(session, times, people)
    gone = session.execute(
        delete(Event).where(ours).execution_options(synchronize_session=False)
    )
    assert isinstance(gone, CursorResult)
    return int(gone.rowcount)


def _counted(
    session: Session, campaign_id: int
) -> tuple[Counter[TotalKey], Counter[TotalKey]]:
    """Count what people did with a campaign, and the people, by the database."""
    times: Counter[TotalKey] = Counter()
    people: Counter[TotalKey] = Counter()
    for by in ([], [col(Event.link)]):
        done = (
            columns(col(Event.kind), *by, col(Event.actor), func.count())
            .where(_counts(campaign_id))
            .group_by(col(Event.kind), *by, col(Event.actor))
        )
        for kind, *link, actor, n in session.execute(done):
            times[_place(campaign_id, kind, link, Actor(actor))] += n
        each = _by_person(campaign_id, by).subquery()
        group = [column for column in each.c if column.name in {"kind", "link", "rank"}]
        for kind, *link, rank, n in session.execute(
            columns(*group, func.count()).group_by(*group)
        ):
            people[_place(campaign_id, kind, link, HUMANITY[rank])] += n
    return _of_links(times), _of_links(people)


def _by_person(campaign_id: int, by: Sequence[Any]) -> Select[*tuple[Any, ...]]:
    """Return people by what they did, each as the most human that they were seen."""
    rank = case(*((col(Event.actor) == actor, n) for n, actor in enumerate(HUMANITY)))
    return (
        columns(col(Event.kind), *by, func.min(rank).label("rank"))
        .where(_counts(campaign_id))
        .group_by(col(Event.kind), *by, col(Event.subscriber_id))
    )


def _place(
    campaign_id: int, kind: EventKind, link: Sequence[int | None], actor: Actor
) -> TotalKey:
    number = link[0] if link else ALL_LINKS
    return TotalKey(
        campaign_id, EventKind(kind), NO_LINK if number is None else number, actor
    )


def _of_links(counted: Counter[TotalKey]) -> Counter[TotalKey]:
    """Leave out openings counted by their link, which they have none of."""
    return Counter({p: n for p, n in counted.items() if p.link != NO_LINK})


def _counts(campaign_id: int) -> ColumnElement[bool]:
    kinds = sorted(ENGAGEMENT - {EventKind.TRAPPED})
    return (col(Event.campaign_id) == campaign_id) & col(Event.kind).in_(kinds)


def _past(
    session: Session, campaigns: Iterable[int], keep: timedelta | None, now: datetime
) -> set[int]:
    if keep is None:
        return set()
    found = select(Campaign.id).where(
        col(Campaign.id).in_(list(campaigns)), col(Campaign.started_at) < now - keep
    )
    return {each for each in session.exec(found) if each is not None}


def _known(session: Session, events: Iterable[RecordedEvent]) -> set[int]:
    campaigns = {event.campaign_id for event in events}
    found = session.exec(select(Campaign.id).where(col(Campaign.id).in_(campaigns)))
    return {each for each in found if each is not None}


def _times(events: Iterable[RecordedEvent]) -> Counter[TotalKey]:
    """Count events by link, and all of a kind together."""
    counted: Counter[TotalKey] = Counter()
    for event in events:
        if event.kind is not EventKind.TRAPPED:
            actor = label(event)[0]
            links = [ALL_LINKS] if event.link is None else [ALL_LINKS, event.link]
            counted.update(
                TotalKey(event.campaign_id, event.kind, link, actor) for link in links
            )
    return counted


def _add(
    session: Session, times: Mapping[TotalKey, int], people: Mapping[TotalKey, int]
) -> None:
    """Add to the totals, in one order everywhere, so that two never wait for each
    other."""
    rows = [
        {
            **place._asdict(),
            "times": times.get(place, 0),
            "people": people.get(place, 0),
        }
        for place in sorted({*times, *people})
    ]
    if not rows:
        return
    table = EngagementTotal.__table__  # type: ignore[attr-defined]
    into = upsert(session, table)
    statement = into.on_conflict_do_update(
        index_elements=list(TotalKey._fields),
        set_={
            "times": table.c.times + into.excluded.times,
            "people": table.c.people + into.excluded.people,
        },
    )
    session.connection().execute(statement, rows)
