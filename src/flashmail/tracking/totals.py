"""Totals: engagement that is nobody's, and what stays when people's is erased."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Engine, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from flashmail.database import is_sqlite, reading, transaction
from flashmail.links import NOBODY
from flashmail.model import (
    ALL,
    ENGAGEMENT,
    TRAP,
    Actor,
    Campaign,
    EngagementTotal,
    Event,
    EventKind,
)
from flashmail.tracking.honest import label
from flashmail.tracking.told import Deed

#: The most human first: as this a person is counted.
HUMANITY = (Actor.HUMAN, Actor.UNKNOWN, Actor.MACHINE)


class Place(NamedTuple):
    """What is counted: a row of the table, by its key."""

    campaign_id: int
    kind: EventKind
    link: int
    actor: Actor


def without_people(
    session: Session, events: Iterable[Deed], *, keep: timedelta | None, now: datetime
) -> list[Deed]:
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
    events = session.exec(select(Event).where(ours)).all()
    _add(session, _times(events, judged=True), _people(events))
    session.execute(
        delete(Event).where(ours).execution_options(synchronize_session=False)
    )
    return len(events)


def _past(
    session: Session, campaigns: Iterable[int], keep: timedelta | None, now: datetime
) -> set[int]:
    if keep is None:
        return set()
    found = select(Campaign.id).where(
        col(Campaign.id).in_(list(campaigns)), col(Campaign.started_at) < now - keep
    )
    return {each for each in session.exec(found) if each is not None}


def _known(session: Session, events: Iterable[Deed]) -> set[int]:
    campaigns = {event.campaign_id for event in events}
    found = session.exec(select(Campaign.id).where(col(Campaign.id).in_(campaigns)))
    return {each for each in found if each is not None}


def _places(event: Deed, actor: Actor) -> list[Place]:
    """Return where an event counts: by its link, and with all of its kind."""
    if event.link == TRAP:
        return []
    links = [ALL] if event.link is None else [ALL, event.link]
    kind = EventKind(event.kind)
    return [Place(event.campaign_id, kind, link, actor) for link in links]


def _times(events: Iterable[Deed], *, judged: bool = False) -> Counter[Place]:
    counted: Counter[Place] = Counter()
    for event in events:
        actor = Actor(event.actor) if judged else label(event)[0]
        counted.update(_places(event, actor))
    return counted


def _people(events: Sequence[Deed]) -> Counter[Place]:
    """Count people, each as the most human that they were seen to be."""
    seen: defaultdict[tuple[int, EventKind, int], dict[int, Actor]] = defaultdict(dict)
    for event in events:
        for place in _places(event, Actor(event.actor)):
            best = seen[place[:3]]
            before = best.get(event.subscriber_id, place.actor)
            best[event.subscriber_id] = min(before, place.actor, key=HUMANITY.index)
    return Counter(
        Place(*thing, actor) for thing, best in seen.items() for actor in best.values()
    )


def _add(
    session: Session, times: Mapping[Place, int], people: Mapping[Place, int]
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
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(table)
    statement = into.on_conflict_do_update(
        index_elements=list(Place._fields),
        set_={
            "times": table.c.times + into.excluded.times,
            "people": table.c.people + into.excluded.people,
        },
    )
    session.connection().execute(statement, rows)
