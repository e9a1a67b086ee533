"""Seats: everything that is owed gets the moment at which it goes out.

Moments are rows, one for each path, time zone and quiet hours, so that a million owed
briefs are given theirs by a few statements.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, func

from flashmail.audience.quiet import quiet_until, zone_of
from flashmail.audience.segment import Segment
from flashmail.audience.select import members
from flashmail.audience.topics import lineage
from flashmail.database import is_sqlite
from flashmail.model import (
    Campaign,
    Frequency,
    Occurrence,
    OccurrenceStatus,
    Owed,
    OwedState,
    Path,
    Rhythm,
    Schedule,
    Subscriber,
)
from flashmail.sending.plan.times import moments, parse_days, parse_time

#: When digests go out where no schedule says so: in the morning, before work.
OWN_HOURS = {Path.DAILY: ("*", "07:00"), Path.WEEKLY: ("mon", "07:00")}

#: How far ahead the next moment of a schedule can lie: a week, and a day for the zones.
AHEAD = timedelta(days=9)

FREQUENCIES = {Path.DAILY: Frequency.DAILY, Path.WEEKLY: Frequency.WEEKLY}

#: Which paths wait for the moments of which.
TOGETHER = {
    Path.DAILY: (Path.DAILY, Path.CAPPED),
    Path.WEEKLY: (Path.WEEKLY,),
    Path.HELD: (Path.HELD,),
}

#: Where somebody lives, and the quiet hours there.
Place = tuple[str, str]


@dataclass(frozen=True)
class Edition:
    """A digest that goes out at certain times; `segment` None is for everybody."""

    path: Path
    days: str
    at: str
    zone: str = "UTC"
    schedule_id: int = 0
    segment: Segment | None = None

    def next(self, place: Place, now: datetime) -> datetime:
        """Return when it next goes out to those who live there, never in the night."""
        zone = zone_of(place[0], self.zone)
        times = moments(
            parse_days(self.days),
            parse_time(self.at),
            zone,
            after=now,
            until=now + AHEAD,
        )
        moment = next(times)
        return quiet_until(place[1], zone, moment) or moment


def seat(session: Session, *, now: datetime) -> None:
    """Give each owed brief without a moment the next one that suits its reader."""
    for path, waiting in TOGETHER.items():
        places = _places(session, waiting)
        if not places:
            continue
        if path is Path.HELD:
            ends = [(place, _end(place, now)) for place in places]
            rows = _occurrences(session, path, 0, ends)
            _sit_down(session, waiting, rows)
        else:
            _seat_digests(session, path, places, now)


def unseat(session: Session, occurrence_ids: Iterable[int]) -> None:
    """Let what waits for these moments find others."""
    session.execute(
        update(Owed)
        .where(col(Owed.occurrence_id).in_(list(occurrence_ids)))
        .where(col(Owed.state) == OwedState.WAITING)
        .values(occurrence_id=None)
        .execution_options(synchronize_session=False)
    )


def editions(session: Session, path: Path) -> list[Edition]:
    """Return the digests that go out for a path: what schedules say, or our own hours.

    Where all schedules rest, there are none.
    """
    wanted = select(Schedule).where(col(Schedule.frequency) == FREQUENCIES[path])
    schedules = session.scalars(wanted.order_by(col(Schedule.id))).all()
    if not schedules:
        return [own_edition(path)]
    return [
        Edition(
            path,
            each.days,
            each.at,
            each.time_zone,
            each.id or 0,
            Segment.from_json(each.audience),
        )
        for each in schedules
        if each.active
    ]


def own_edition(path: Path) -> Edition:
    days, at = OWN_HOURS[path]
    return Edition(path, days, at)


def _seat_digests(
    session: Session, path: Path, places: Sequence[Place], now: datetime
) -> None:
    """Take the editions in the order in which they come, for each place its own."""
    known = editions(session, path)
    turns: defaultdict[tuple[int, int], list[tuple[Place, datetime]]]
    turns = defaultdict(list)
    for place in places:
        following = sorted((each.next(place, now), n) for n, each in enumerate(known))
        for turn, (moment, n) in enumerate(following):
            turns[turn, n].append((place, moment))
    for (_, n), times in sorted(turns.items()):
        edition = known[n]
        rows = _occurrences(session, path, edition.schedule_id, times)
        _sit_down(session, TOGETHER[path], rows, edition.segment)
    if path is Path.DAILY and (places := _places(session, [Path.CAPPED])):
        # Nobody's limit may keep a brief back for good.
        own = own_edition(path)
        times = [(place, own.next(place, now)) for place in places]
        _sit_down(session, [Path.CAPPED], _occurrences(session, path, 0, times))


def _places(session: Session, paths: Iterable[Path]) -> list[Place]:
    """Return where those live whose briefs have no moment yet."""
    rows = session.execute(
        select(col(Subscriber.time_zone), _quiet())
        .join(Owed, col(Owed.subscriber_id) == col(Subscriber.id))
        .where(*_unseated(paths))
        .distinct()
    )
    return [(zone, quiet) for zone, quiet in rows]


def _end(place: Place, now: datetime) -> datetime:
    """Return when the quiet hours end that it is now; now, where they were given up."""
    zone, quiet = place
    return quiet_until(quiet, zone_of(zone), now) or now


def _occurrences(
    session: Session,
    path: Path,
    schedule_id: int,
    times: Sequence[tuple[Place, datetime]],
) -> list[int]:
    """Have a row for each of these moments; return their numbers."""
    if not times:
        return []
    rows = [
        {
            "path": path,
            "schedule_id": schedule_id,
            "zone": zone,
            "quiet": quiet,
            "at": moment,
            "status": OccurrenceStatus.WAITING,
        }
        for (zone, quiet), moment in times
    ]
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    # One that was begun already is begun again, for a clock may have been put back.
    into = insert(Occurrence).on_conflict_do_update(
        index_elements=["path", "schedule_id", "zone", "quiet", "at"],
        set_={"status": OccurrenceStatus.WAITING},
    )
    session.execute(into, rows)
    ours = select(Occurrence).where(
        col(Occurrence.path) == path, col(Occurrence.schedule_id) == schedule_id
    )
    wanted = set(times)
    return [
        each.id
        for each in session.scalars(
            ours.where(col(Occurrence.at) >= min(map(_at, times)))
        )
        if each.id is not None and ((each.zone, each.quiet), each.at) in wanted
    ]


def _at(time: tuple[Place, datetime]) -> datetime:
    return time[1]


def _sit_down(
    session: Session,
    paths: Iterable[Path],
    occurrence_ids: Sequence[int],
    segment: Segment | None = None,
) -> None:
    """Give the unseated briefs of these paths those of the moments that fit them."""
    if not occurrence_ids:
        return
    session.execute(
        update(Owed)
        .where(*_unseated(paths), *_of_segment(session, segment))
        .where(col(Owed.subscriber_id) == col(Subscriber.id))
        .where(col(Occurrence.id).in_(occurrence_ids))
        .where(col(Occurrence.zone) == col(Subscriber.time_zone))
        .where(col(Occurrence.quiet) == _quiet())
        .values(occurrence_id=col(Occurrence.id))
        .execution_options(synchronize_session=False)
    )


def _unseated(paths: Iterable[Path]) -> list[ColumnElement[bool]]:
    return [
        col(Owed.occurrence_id).is_(None),
        col(Owed.state) == OwedState.WAITING,
        col(Owed.path).in_(list(paths)),
    ]


def _quiet() -> ColumnElement[str]:
    """Return a subscriber's quiet hours, empty where there are none."""
    theirs = select(col(Rhythm.quiet)).where(
        col(Rhythm.subscriber_id) == col(Subscriber.id)
    )
    return func.coalesce(theirs.correlate(Subscriber).scalar_subquery(), "")


def _of_segment(session: Session, segment: Segment | None) -> list[ColumnElement[bool]]:
    """Return what is true of briefs and readers that a schedule's segment means."""
    if segment is None:
        return []
    conditions = members(session, segment)
    if segment.bringing:
        waiting = select(col(Owed.campaign_id)).where(*_unseated(Path)).distinct()
        about = select(Campaign).where(col(Campaign.id).in_(waiting))
        known = lineage(session)
        tags = known.expand(segment.bringing)
        fitting = [
            each.id
            for each in session.scalars(about)
            if not tags.isdisjoint(each.topics)
        ]
        conditions.append(col(Owed.campaign_id).in_(fitting))
    return conditions
