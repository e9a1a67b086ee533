"""Quiet hours: from one time of day to another, where the reader lives. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from flashmail.errors import WrongInput

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
