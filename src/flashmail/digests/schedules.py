"""Seats: everything that is owed gets the moment at which it goes out.

Moments are rows, one for each path, time zone and quiet hours, so that a million owed
briefs are given theirs by a few statements.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select, update
from sqlmodel import Session, col, func
from sqlmodel import select as select_cover

from flashmail.addresses import parse_address
from flashmail.audience.segment import Segment
from flashmail.audience.selection import members
from flashmail.audience.timing import quiet_until, zone_of
from flashmail.audience.topics import lineage
from flashmail.database import upsert
from flashmail.errors import WrongInput
from flashmail.model import (
    Campaign,
    DeliveryPreferences,
    DigestItem,
    DigestItemState,
    Edition,
    EditionStatus,
    Frequency,
    Schedule,
    Subscriber,
    Timing,
)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse_days(text: str) -> frozenset[int]:
    """Return the days of the week, Monday 0; `*` is every day."""
    if text.strip() == "*":
        return frozenset(range(len(DAYS)))
    names = [name.strip().lower() for name in text.split(",")]
    if wrong := [name for name in names if name not in DAYS]:
        raise WrongInput(f"{wrong[0]!r} is no day; write * or some of {','.join(DAYS)}")
    return frozenset(DAYS.index(name) for name in names)


def parse_time(text: str) -> time:
    """Return a time of day written as 07:30."""
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - of any day
    except ValueError:
        raise WrongInput(f"{text!r} is no time of day, as 07:30 is") from None


def moments(
    days: frozenset[int], at: time, zone: ZoneInfo, *, after: datetime, until: datetime
) -> Iterator[datetime]:
    """Yield the moments in UTC that lie after the one and not after the other."""
    day = after.astimezone(zone).date() - timedelta(days=1)
    last = after
    while day <= until.astimezone(zone).date() + timedelta(days=1):
        moment = _moment(day, at, zone)
        # Where a zone left a whole day out, two local days share one moment.
        if day.weekday() in days and last < moment <= until:
            yield moment
            last = moment
        day += timedelta(days=1)


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


#: When digests go out where no schedule says so: in the morning, before work.
OWN_HOURS = {Timing.DAILY: ("*", "07:00"), Timing.WEEKLY: ("mon", "07:00")}

#: How far ahead the next moment of a schedule can lie: a week, and a day for the zones.
AHEAD = timedelta(days=9)

FREQUENCIES = {Timing.DAILY: Frequency.DAILY, Timing.WEEKLY: Frequency.WEEKLY}

#: Which paths wait for the moments of which.
TOGETHER = {
    Timing.DAILY: (Timing.DAILY, Timing.CAPPED),
    Timing.WEEKLY: (Timing.WEEKLY,),
    Timing.HELD: (Timing.HELD,),
}

#: Where somebody lives, and the quiet hours there.
Place = tuple[str, str]


@dataclass(frozen=True)
class DigestSchedule:
    """A digest that goes out at certain times; `segment` None is for everybody."""

    path: Timing
    days: str
    at: str
    zone: str = "UTC"
    schedule_id: int = 0
    segment: Segment | None = None

    def next(self, place: Place, now: datetime) -> datetime:
        """Return when it next goes out in a time zone, never in the night."""
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


def assign_editions(session: Session, *, now: datetime) -> None:
    """Give each owed brief without a moment the next one that suits its reader."""
    for path, waiting in TOGETHER.items():
        places = _places(session, waiting)
        if not places:
            continue
        if path is Timing.HELD:
            ends = [(place, _end(place, now)) for place in places]
            rows = _editions(session, path, 0, ends)
            _sit_down(session, waiting, rows)
        else:
            _seat_digests(session, path, places, now)


def release_editions(session: Session, edition_ids: Iterable[int]) -> None:
    """Let what waits for these moments find others."""
    session.execute(
        update(DigestItem)
        .where(col(DigestItem.edition_id).in_(list(edition_ids)))
        .where(col(DigestItem.state) == DigestItemState.WAITING)
        .values(edition_id=None)
        .execution_options(synchronize_session=False)
    )


def editions(session: Session, path: Timing) -> list[DigestSchedule]:
    """Return the digests that go out for a path: what schedules say, or our own hours.

    Where all schedules rest, there are none.
    """
    wanted = select(Schedule).where(col(Schedule.frequency) == FREQUENCIES[path])
    schedules = session.scalars(wanted.order_by(col(Schedule.id))).all()
    if not schedules:
        return [own_edition(path)]
    return [
        DigestSchedule(
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


def own_edition(path: Timing) -> DigestSchedule:
    days, at = OWN_HOURS[path]
    return DigestSchedule(path, days, at)


def _seat_digests(
    session: Session, path: Timing, places: Sequence[Place], now: datetime
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
        rows = _editions(session, path, edition.schedule_id, times)
        _sit_down(session, TOGETHER[path], rows, edition.segment)
    if path is Timing.DAILY and (places := _places(session, [Timing.CAPPED])):
        # Nobody's limit may keep a brief back for good.
        own = own_edition(path)
        times = [(place, own.next(place, now)) for place in places]
        _sit_down(session, [Timing.CAPPED], _editions(session, path, 0, times))


def _places(session: Session, paths: Iterable[Timing]) -> list[Place]:
    """Return the zones with briefs that have no moment yet."""
    rows = session.execute(
        select(col(Subscriber.time_zone), _quiet())
        .join(DigestItem, col(DigestItem.subscriber_id) == col(Subscriber.id))
        .where(*_unseated(paths))
        .distinct()
    )
    return [(zone, quiet) for zone, quiet in rows]


def _end(place: Place, now: datetime) -> datetime:
    """Return when the quiet hours end that it is now; now, where they were given up."""
    zone, quiet = place
    return quiet_until(quiet, zone_of(zone), now) or now


def _editions(
    session: Session,
    path: Timing,
    schedule_id: int,
    times: Sequence[tuple[Place, datetime]],
) -> list[int]:
    """Have a row for each of these moments; return their numbers."""
    if not times:
        return []
    rows = [
        {
            "timing": path,
            "schedule_id": schedule_id,
            "zone": zone,
            "quiet_hours": quiet,
            "at": moment,
            "status": EditionStatus.WAITING,
        }
        for (zone, quiet), moment in times
    ]
    # One that was begun already is begun again, for a clock may have been put back.
    into = upsert(session, Edition).on_conflict_do_update(
        index_elements=["timing", "schedule_id", "zone", "quiet_hours", "at"],
        set_={"status": EditionStatus.WAITING},
    )
    session.execute(into, rows)
    ours = select(Edition).where(
        col(Edition.timing) == path, col(Edition.schedule_id) == schedule_id
    )
    wanted = set(times)
    return [
        each.id
        for each in session.scalars(ours.where(col(Edition.at) >= min(map(_at, times))))
        if each.id is not None and ((each.zone, each.quiet_hours), each.at) in wanted
    ]


def _at(time: tuple[Place, datetime]) -> datetime:
    return time[1]


def _sit_down(
    session: Session,
    paths: Iterable[Timing],
    edition_ids: Sequence[int],
    segment: Segment | None = None,
) -> None:
    """Give the unseated briefs of these paths those of the moments that fit them."""
    if not edition_ids:
        return
    session.execute(
        update(DigestItem)
        .where(*_unseated(paths), *_of_segment(session, segment))
        .where(col(DigestItem.subscriber_id) == col(Subscriber.id))
        .where(col(Edition.id).in_(edition_ids))
        .where(col(Edition.zone) == col(Subscriber.time_zone))
        .where(col(Edition.quiet_hours) == _quiet())
        .values(edition_id=col(Edition.id))
        .execution_options(synchronize_session=False)
    )


def _unseated(paths: Iterable[Timing]) -> list[ColumnElement[bool]]:
    return [
        col(DigestItem.edition_id).is_(None),
        col(DigestItem.state) == DigestItemState.WAITING,
        col(DigestItem.timing).in_(list(paths)),
    ]


def _quiet() -> ColumnElement[str]:
    """Return a subscriber's quiet hours, empty where there are none."""
    theirs = select(col(DeliveryPreferences.quiet_hours)).where(
        col(DeliveryPreferences.subscriber_id) == col(Subscriber.id)
    )
    return func.coalesce(theirs.correlate(Subscriber).scalar_subquery(), "")


def _of_segment(session: Session, segment: Segment | None) -> list[ColumnElement[bool]]:
    """Return what is true of briefs and readers that a schedule's segment means."""
    if segment is None:
        return []
    conditions = members(session, segment)
    if segment.bringing:
        waiting = (
            select(col(DigestItem.campaign_id)).where(*_unseated(Timing)).distinct()
        )
        about = select(Campaign).where(col(Campaign.id).in_(waiting))
        known = lineage(session)
        tags = known.expand(segment.bringing)
        fitting = [
            each.id
            for each in session.scalars(about)
            if not tags.isdisjoint(each.topics)
        ]
        conditions.append(col(DigestItem.campaign_id).in_(fitting))
    return conditions


NONE = "but no schedule brings it: none is for this reader and these topics"


def is_covered(
    session: Session, path: Timing | None, address: str, topics: Iterable[str]
) -> bool:
    """Whether a digest goes out that brings a brief on these topics to a reader.

    What does not come by a schedule is always brought.
    """
    if path not in (Timing.DAILY, Timing.WEEKLY):
        return True
    tags = frozenset(topics)
    return any(
        _brings(session, each, parse_address(address.strip()).key, tags)
        for each in editions(session, path)
    )


def _brings(
    session: Session, edition: DigestSchedule, key: str, tags: frozenset[str]
) -> bool:
    segment = edition.segment
    if segment is None:
        return True
    if segment.bringing and tags.isdisjoint(lineage(session).expand(segment.bringing)):
        return False
    meant = select_cover(Subscriber.id).where(
        Subscriber.key == key, *members(session, segment)
    )
    return session.exec(meant).first() is not None
