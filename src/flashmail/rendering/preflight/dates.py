"""Dates that no calendar has, or that the brief cannot mean."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from flashmail.briefs.dates import DAYS, MONTHS
from flashmail.rendering.document import Document
from flashmail.rendering.finding import Finding, blocking, warning
from flashmail.rendering.preflight.facts import Facts

#: A brief is of these days. Dated in these days, but of an earlier year, it is one
#: whose year was mistyped: the mistake of every January.
LATEST = timedelta(days=7)
FRESH = timedelta(days=7)
LONG_AGO = timedelta(days=300)
SAME_DAYS = 31

NAMES = "|".join(MONTHS)
SHORT = "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
WRITTEN = re.compile(
    rf"(?:\b(?P<weekday>{'|'.join(DAYS)}),?\s(?:the\s)?)?"
    rf"\b(?P<month>{NAMES}|(?:{SHORT})\.?)\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b"
    r"(?:,?\s(?P<year>(?:19|20)\d\d)\b)?",
    re.I,
)
LEAP_YEAR = 2024


def date_findings(facts: Facts, document: Document) -> Iterator[Finding]:
    """Yield what is wrong with the brief's own date and with those in its text."""
    if facts.brief is None:
        return
    yield from _own(facts.brief.date, facts)
    for number, line in enumerate(facts.markdown.split("\n"), 1):
        for match in WRITTEN.finditer(line):
            yield from _written(match, facts.brief.date, f"line {number}")


def _own(day: date, facts: Facts) -> Iterator[Finding]:
    leaves = facts.moment.date()
    where = facts.line("date: ")
    if day - leaves > LATEST:
        message = f"the brief is dated {day}, {(day - leaves).days} days after it goes"
        yield blocking("date", f"{message} out: mend the date", where)
    elif leaves - day > LONG_AGO and _days_apart(day, leaves) <= SAME_DAYS:
        message = f"the brief is dated {day}, {(leaves - day).days} days ago"
        yield blocking("date", f"{message}: mend the year", where)
    elif leaves - day > FRESH:
        message = f"the brief is dated {day}, {(leaves - day).days} days ago"
        yield warning("date", f"{message}: is that what is meant?", where)


def _days_apart(day: date, other: date) -> int:
    """Return how far apart two days are, whatever their years."""
    ahead = (day.timetuple().tm_yday - other.timetuple().tm_yday) % 365
    return min(ahead, 365 - ahead)


def _written(match: re.Match[str], near: date, where: str) -> Iterator[Finding]:
    month = next(
        number
        for number, name in enumerate(MONTHS, 1)
        if name.startswith(match["month"].lower()[:3])
    )
    day = int(match["day"])
    if not _exists(int(match["year"] or LEAP_YEAR), month, day):
        yield blocking("date", f"{match[0]!r} is no day of the calendar", where)
    elif match["weekday"]:
        yield from _weekday(match, month, near, where)


def _weekday(
    match: re.Match[str], month: int, near: date, where: str
) -> Iterator[Finding]:
    """Compare with the calendar; without a year, with that nearest to the brief's."""
    wanted = DAYS.index(match["weekday"].lower())
    years = [int(match["year"])] if match["year"] else _years(near)
    days = [
        date(year, month, int(match["day"]))
        for year in years
        if _exists(year, month, int(match["day"]))
    ]
    meant = min(days, key=lambda day: abs(day - near), default=None)
    if meant is None or meant.weekday() == wanted:
        return
    message = f"{match[0]!r}: {meant} is a {DAYS[meant.weekday()].title()}"
    yield blocking("weekday", f"{message}; mend one of the two", where)


def _years(near: date) -> list[int]:
    return [near.year - 1, near.year, near.year + 1]


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
