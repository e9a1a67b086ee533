"""The times of a schedule: a time of day, on certain days, somewhere. Pure.

A local time that a change of clocks leaves out happens as if the clocks had not been
put forward (02:30 is then 03:30); one that comes twice happens the first time. So there
is exactly one moment for each local day. A cron trigger gives two in autumn.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flashmail.errors import WrongInput

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
