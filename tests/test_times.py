"""The times of a schedule: one moment for each local day, whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashmail.digests.schedules import moments, parse_days, parse_time
from flashmail.errors import WrongInput

DAY = timedelta(days=1)


def times(zone: str, at: str, day: str, days: str = "*") -> list[str]:
    """Return the moments of one local day and the nights around it."""
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone))
    found = moments(
        parse_days(days),
        parse_time(at),
        ZoneInfo(zone),
        after=noon - DAY,
        until=noon,
    )
    return [f"{moment:%Y-%m-%dT%H:%MZ}" for moment in found]


@pytest.mark.parametrize(
    ("zone", "at", "day", "moment"),
    [
        ("Europe/Paris", "07:00", "2027-01-15", "2027-01-15T06:00Z"),
        ("Europe/Paris", "07:00", "2027-07-15", "2027-07-15T05:00Z"),
        # Left out in spring: as if the clocks had not been put forward.
        ("Europe/Paris", "02:30", "2027-03-28", "2027-03-28T01:30Z"),
        ("America/New_York", "02:30", "2027-03-14", "2027-03-14T07:30Z"),
        ("Australia/Lord_Howe", "02:15", "2026-10-04", "2026-10-03T15:45Z"),
        # Twice in autumn: the first one.
        ("Europe/Paris", "02:30", "2026-10-25", "2026-10-25T00:30Z"),
    ],
)
def test_a_change_of_clocks(zone: str, at: str, day: str, moment: str) -> None:
    assert times(zone, at, day) == [moment]


def test_a_day_that_never_was_has_no_moment_of_its_own() -> None:
    zone = ZoneInfo("Pacific/Apia")  # 30 December 2011 was left out
    after = datetime(2011, 12, 29, 0, tzinfo=zone)

    found = moments(
        parse_days("*"), parse_time("07:00"), zone, after=after, until=after + 3 * DAY
    )

    assert [f"{each.astimezone(zone):%d %H:%M}" for each in found] == [
        "29 07:00",
        "31 07:00",
    ]


def test_only_on_its_days() -> None:
    assert times("UTC", "07:00", "2027-03-01", "mon") == ["2027-03-01T07:00Z"]
    assert times("UTC", "07:00", "2027-03-01", "tue, sun") == []


@given(
    zone=st.sampled_from(
        ["Europe/Paris", "America/New_York", "Asia/Tehran", "Asia/Karachi", "UTC"]
    ),
    minute=st.integers(0, 24 * 60 - 1),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_each_local_day_has_one_however_often_one_looks(
    zone: str, minute: int, start: datetime, cuts: list[int]
) -> None:
    here, begin = ZoneInfo(zone), start.replace(tzinfo=UTC)
    at = parse_time(f"{minute // 60:02}:{minute % 60:02}")
    looks = [begin + timedelta(hours=hours) for hours in sorted(cuts)]

    found, after = [], begin
    for until in [*looks, begin + 20 * DAY]:
        found += list(moments(frozenset(range(7)), at, here, after=after, until=until))
        after = max(after, until)

    days = [moment.astimezone(here).date() for moment in found]
    assert days == [days[0] + n * DAY for n in range(len(days))]
    assert len(days) in {19, 20, 21}


@pytest.mark.parametrize("days", ["", "monday", "0", "mon,,tue"])
def test_what_is_no_day_is_refused(days: str) -> None:
    with pytest.raises(WrongInput, match="is no day"):
        parse_days(days)


@pytest.mark.parametrize("at", ["", "7", "25:00", "07:00:00", "noon"])
def test_what_is_no_time_of_day_is_refused(at: str) -> None:
    with pytest.raises(WrongInput, match="is no time of day"):
        parse_time(at)
