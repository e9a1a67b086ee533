"""Dates as people write them."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flashmail.errors import WrongInput

MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]

DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

#: Longer than any date, so that nothing long is ever searched for one.
LONGEST = 60

WEEKDAY = r"(?:(?P<weekday>(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*)\.?,?\s+)?"

MONTH = r"(?P<month>[a-z]{3,9})\.?"

DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"

YEAR = r"(?P<year>\d{4})"

TIME = r"(?:[T ]\d{2}:\d{2}\S*)?"

WORDED = [
    re.compile(rf"{WEEKDAY}{MONTH}\s+{DAY},?\s+{YEAR}"),
    re.compile(rf"{WEEKDAY}{DAY}\s+(?:of\s+)?{MONTH},?\s+{YEAR}"),
]

ISO = re.compile(rf"{YEAR}[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){TIME}", re.I)

NUMBERS = re.compile(rf"(?P<first>\d{{1,2}})([/.-])(?P<second>\d{{1,2}})\2{YEAR}")


class Dated(NamedTuple):
    """A date, and what is doubtful about it, if anything."""

    date: date
    doubt: str = ""


class NoSuchDay(ValueError):
    """It is written like a date, but no calendar has it."""


def read_date(text: str) -> Dated | None:
    """Return the date that the whole text is, or None; raise NoSuchDay."""
    text = text.strip().rstrip(".").casefold()
    if len(text) > LONGEST:
        return None
    for pattern, meaning in READERS:
        if match := pattern.fullmatch(text):
            return meaning(match)
    return None


def _worded(match: re.Match[str]) -> Dated | None:
    name = "sep" if match["month"] == "sept" else match["month"]
    month = next((n for n, full in enumerate(MONTHS, 1) if full.startswith(name)), 0)
    if not month:
        return None
    found = _day(match["year"], month, match["day"])
    weekday = DAYS[found.weekday()]
    if match["weekday"] and not weekday.startswith(match["weekday"][:3]):
        return Dated(found, f"{found} was a {weekday.title()}; check the date")
    return Dated(found)


def _iso(match: re.Match[str]) -> Dated:
    return Dated(_day(match["year"], match["month"], match["day"]))


def _numbers(match: re.Match[str]) -> Dated:
    """Read as Americans do, unless only the other way makes a date."""
    first, second = int(match["first"]), int(match["second"])
    if first > 12:
        return Dated(_day(match["year"], second, first))
    found = _day(match["year"], first, second)
    if second > 12 or first == second:
        return Dated(found)
    return Dated(found, f"{match[0]} was read as {found}: the month first")


def _day(year: str, month: str | int, day: str | int) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError as error:
        raise NoSuchDay(str(error)) from error


READERS: list[tuple[re.Pattern[str], Callable[[re.Match[str]], Dated | None]]] = [
    *((pattern, _worded) for pattern in WORDED),
    (ISO, _iso),
    (NUMBERS, _numbers),
]

EXAMPLES = "2027-03-01T09:00+01:00 or '2027-03-01 09:00 Europe/Paris'"


def read_moment(text: str) -> datetime:
    """Return the moment in UTC; a zone is required.

    A time of day that a change of clocks leaves out is refused; of one that comes
    twice, the first is meant.
    """
    words = text.strip().split()
    zone = _zone(words.pop()) if words and words[-1][:1].isalpha() else None
    try:
        moment = datetime.fromisoformat(" ".join(words))
    except ValueError:
        raise WrongInput(f"{text!r} is no time; write it as {EXAMPLES}") from None
    if zone is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    if moment.tzinfo is None:
        raise WrongInput(f"{text!r} needs a time zone, as in {EXAMPLES}")
    return _in_utc(moment, text)


def _in_utc(moment: datetime, text: str) -> datetime:
    try:
        there = moment.astimezone(UTC)
        back = there.astimezone(moment.tzinfo)
    except OverflowError:
        raise WrongInput(f"{text!r} is beyond every calendar") from None
    if back.replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise WrongInput(f"{text!r} does not exist: the clocks are put forward then")
    return there


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongInput(f"{name!r} is no time zone; one is Europe/Paris") from None


def parse_moment(text: str, *, now: datetime) -> datetime:
    """Return the moment in UTC; a zone is required, and a time yet to come."""
    moment = read_moment(text)
    if moment <= now:
        raise WrongInput(f"{text!r} is past already")
    return moment
