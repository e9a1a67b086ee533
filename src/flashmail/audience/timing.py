"""By which path a brief reaches a reader. Pure; `digests.planner` says it in SQL."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from flashmail.errors import WrongInput
from flashmail.model import DeliveryState, Frequency, Timing

EXAMPLE = "22:00-07:00"


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """Return the names of all time zones, in their order; asking the system is slow."""
    return tuple(sorted(available_timezones()))


@lru_cache(maxsize=1024)
def zone_of(name: str, otherwise: str = "UTC") -> ZoneInfo:
    """Return a time zone by its name, or the other one where there is none."""
    try:
        return ZoneInfo(name or otherwise)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(otherwise)


@lru_cache(maxsize=1024)
def parse_quiet(text: str) -> tuple[time, time]:
    """Return the beginning and the end of quiet hours written as 22:00-07:00."""
    begin, _, end = text.partition("-")
    try:
        hours = time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())
    except ValueError:
        raise WrongInput(f"{text!r} are no quiet hours; write {EXAMPLE}") from None
    if hours[0] == hours[1] or any(each.tzinfo for each in hours):
        raise WrongInput("quiet hours begin at one time of day and end at another")
    return hours


def quiet_until(text: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return when the quiet hours that it is now are over; None outside of them."""
    if not text:
        return None
    begin, end = parse_quiet(text)
    local = now.astimezone(zone)
    if not _within(local.time(), begin, end):
        return None
    today = local.date()
    # Where clocks are put back an hour comes twice: its second time is tried as well.
    ends = (
        _moment(today + timedelta(days=day), end, zone, fold)
        for day in (0, 1, 2)
        for fold in (0, 1)
    )
    return min(moment for moment in ends if moment > now)


def _within(now: time, begin: time, end: time) -> bool:
    if begin < end:
        return begin <= now < end
    return now >= begin or now < end


def _moment(day: date, at: time, zone: ZoneInfo, fold: int) -> datetime:
    there = datetime.combine(day, at, tzinfo=zone).replace(fold=fold)
    return there.astimezone(UTC)


#: A reader's limit counts the mails of so many hours. Days would begin twice, or not
#: at all, when somebody travels or clocks are changed.
CAP_HOURS = 24

#: Deliveries in these brought nothing to anybody, and count for no limit.
CAME_TO_NOTHING = (
    DeliveryState.SKIPPED,
    DeliveryState.CANCELLED,
    DeliveryState.FAILED,
)

BY_DIGEST = {Frequency.DAILY: Timing.DAILY, Frequency.WEEKLY: Timing.WEEKLY}


def frequency_order(*, urgent: bool) -> tuple[Frequency, ...]:
    """Return the frequencies, the quickest for a brief first.

    Of several topics followed the quickest counts.
    """
    instant, *digests, alarms = Frequency
    return (instant, alarms, *digests) if urgent else (instant, *digests, alarms)


@dataclass(frozen=True)
class TimingContext:
    """All that decides for one reader: what was asked for, and what came lately.

    `frequency` is the quickest at which one of the brief's topics is followed; `lately`
    how many mails came within the last CAP_HOURS.
    """

    frequency: Frequency
    time_zone: str = ""
    paused_until: datetime | None = None
    quiet_hours: str = ""
    daily_limit: int | None = None
    urgent_overrides: bool = False
    lately: int = 0


def timing_of(habits: TimingContext, *, urgent: bool, now: datetime) -> Timing | None:
    """Return how a brief that is sent now reaches a reader; None if it is not owed.

    A reader of urgent briefs only is not owed another one. A paused one gets nothing;
    the claim looks at that once more.
    """
    if habits.frequency is Frequency.URGENT and not urgent:
        return None
    if habits.paused_until is not None and habits.paused_until > now:
        return Timing.NONE
    if urgent and habits.urgent_overrides:
        return Timing.AT_ONCE
    if habits.frequency in BY_DIGEST:
        return BY_DIGEST[habits.frequency]
    if quiet_until(habits.quiet_hours, zone_of(habits.time_zone), now):
        return Timing.HELD
    if habits.daily_limit is not None and habits.lately >= habits.daily_limit:
        return Timing.CAPPED
    return Timing.AT_ONCE
