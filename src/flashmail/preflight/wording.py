"""Dates that no calendar has, or that the brief cannot mean."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from urllib.parse import urlsplit

from flashmail.briefs.dates import DAYS, MONTHS
from flashmail.findings import Finding, blocking, warning
from flashmail.preflight.facts import Facts
from flashmail.rendering.html import Document

#: A brief is of these days. Dated in these days, but of an earlier year, it is one
#: with a year that was mistyped: the mistake of every January.
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


#: What phones show of a subject, and what tells too little.
LONGEST_SUBJECT, SHORTEST_SUBJECT, SHOWN = 70, 10, 40

#: Words in capitals at the most, of those long enough to be no abbreviation.
MOST_SHOUTED = 2

SHOUTED = re.compile(r"\b[A-Z]{5,}\b")

#: Words of text for each link, at least.
WORDS_PER_LINK = 15

#: Hide where a link leads, so they are in every filter's book.
SHORTENERS = (
    "bit.ly buff.ly cutt.ly goo.gl is.gd lnkd.in ow.ly rb.gy rebrand.ly shorturl.at"
    " t.co t.ly tiny.cc tinyurl.com v.gd"
)

LURES = re.compile(
    r"\b(?:act now|click here|100% free|risk[- ]free|limited time|winner|urgent reply"
    r"|congratulations you|buy now|order now|no obligation|make money|dear friend)\b",
    re.I,
)


def spam_findings(facts: Facts, document: Document) -> Iterator[Finding]:
    """Yield hints; none of them keeps a mail from going out."""
    yield from _subject(facts.message.subject)
    words = document.text
    if marks := facts.message.subject.count("!") + words.count("!!"):
        message = f"{marks} exclamation marks: a calm sentence is read sooner"
        yield warning("exclamation", message, "subject and text")
    if lure := LURES.search(words):
        where = facts.line(lure[0])
        yield warning("lure", f"{lure[0]!r} is what spam says: say it otherwise", where)
    yield from _links(facts, words)


def _subject(subject: str) -> Iterator[Finding]:
    if len(subject) > LONGEST_SUBJECT:
        message = f"the subject has {len(subject)} letters, phones show {SHOWN}: put"
        yield warning("subject-length", f"{message} what counts first", "subject")
    if len(subject) < SHORTEST_SUBJECT:
        yield warning("subject-length", "the subject says little", "subject")
    if len(SHOUTED.findall(subject)) > MOST_SHOUTED or subject.isupper():
        message = "the subject is in capitals: write it as a sentence"
        yield warning("shouting", message, "subject")


def _links(facts: Facts, words: str) -> Iterator[Finding]:
    for url in facts.destinations:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
        if host in SHORTENERS.split():
            message = f"{host} hides where a link leads: use the address itself"
            yield warning("shortener", message, facts.line(url) or f"link {url[:120]}")
    count = len(words.split())
    if len(facts.destinations) > 3 and count < WORDS_PER_LINK * len(facts.destinations):
        message = f"{len(facts.destinations)} links in {count} words look like spam"
        yield warning("link-ratio", f"{message}: leave some out", "text")


#: Each finds what an editor put there for the time being. Linear on purpose.
UNFINISHED = (
    re.compile(r"\bTK(?:TK)*\b"),
    re.compile(r"\blorem ipsum\b|\bdolor sit amet\b", re.I),
    re.compile(r"\bXXX+\b|\bXX(?= (?:percent|%|million|billion|people|days|years))"),
    re.compile(r"\b(?:TBD|TBC|TODO|FIXME)\b"),
    re.compile(r"\?\?\?+"),
    re.compile(
        r"\[(?:insert|add|fill|check|name|date|quote|link|title|role|tk|placeholder)"
        r"\b[^\[\]\n]{0,80}\](?!\()",
        re.I,
    ),
    re.compile(
        r"\b(?:placeholder (?:text|title|quote)|(?:head|dead)line here)\b", re.I
    ),
    re.compile(r"\b(?:your (?:text|title) here)\b", re.I),
)

#: Merge fields of other systems, and our own where no template fills them.
FOREIGN_FIELD = re.compile(
    r"\{\{[^{}\n]{1,60}\}\}|\*\|[A-Z][A-Z0-9_:]{0,40}\|\*|%%[A-Za-z_]{1,40}%%"
    r"|\[\[[A-Za-z_]{1,40}\]\]|\$\{[A-Za-z_.]{1,40}\}"
    r"|<%[^%<>\n]{1,60}%>|\[(?:FNAME|FIRSTNAME|FIRST NAME|UNSUBSCRIBE)\]"
)

MOST = 20


def wording_findings(facts: Facts, document: Document) -> Iterator[Finding]:
    """Yield what was left to be filled in, once for each place."""
    seen: set[tuple[str, str]] = set()
    for where, text in _texts(facts):
        for code, word in islice(_left(text), MOST):
            if (code, word) in seen:
                continue
            seen.add((code, word))
            yield blocking(code, _mend(code, word), where)


def _texts(facts: Facts) -> Iterator[tuple[str, str]]:
    """Return each text under the name of its place: lines of the brief come first."""
    for number, line in enumerate(facts.markdown.split("\n"), 1):
        yield f"line {number}", line
    yield "subject", facts.message.subject
    yield "text", facts.message.text


def _left(text: str) -> Iterator[tuple[str, str]]:
    for pattern in UNFINISHED:
        for match in pattern.finditer(text):
            yield "placeholder", match[0]
    for match in FOREIGN_FIELD.finditer(text):
        yield "merge-field", match[0]


def _mend(code: str, word: str) -> str:
    if code == "placeholder":
        return f"{word!r} is still to be replaced by the real words"
    return f"{word!r} is no field that flashmail fills: write what is meant"
