"""The first page: what is going on, what is next, what needs a person."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import Response
from sqlmodel import Session, col, select

from flashmail.audience.headcount import latest
from flashmail.model import Crowd, Role, Schedule
from flashmail.reports import newsroom
from flashmail.reports.missed import missed
from flashmail.sending.plan.times import moments, parse_days, parse_time
from flashmail.settings import Tracking
from flashmail.web.dependencies import Now, Reading, WhoIsWatched
from flashmail.web.page import page, part
from flashmail.web.policy import allow

router = APIRouter()

#: Digests are looked for so far ahead.
AHEAD = timedelta(days=7)


@dataclass(frozen=True)
class Digest:
    """The next time of a schedule."""

    name: str
    at: datetime


@router.get("/", **allow(Role.VIEWER))
def overview(session: Reading, now: Now, tracking: WhoIsWatched) -> Response:
    """Show the newsroom at a glance."""
    return page("overview", **_glance(session, now, tracking))


@router.get("/overview/live", **allow(Role.VIEWER))
def live(session: Reading, now: Now, tracking: WhoIsWatched) -> Response:
    """Return the parts of the overview that change by themselves."""
    return part("overview-live", **_glance(session, now, tracking))


def _glance(session: Session, now: datetime, tracking: Tracking) -> dict[str, Any]:
    return {
        "under_way": newsroom.under_way(session, now=now, tracking=tracking),
        "campaigns": newsroom.coming(session),
        "digests": digests(session, now),
        "needs": newsroom.needs(session, now=now, tracking=tracking),
        "missed": missed(session, now=now),
        "ended": newsroom.ended(session, now=now, tracking=tracking),
        "heads": latest(session, Crowd.STATUS),
    }


def digests(session: Session, now: datetime) -> list[Digest]:
    """Return when each digest goes out next, the earliest first."""
    found = []
    for each in session.exec(select(Schedule).where(col(Schedule.active))):
        days, at = parse_days(each.days), parse_time(each.at)
        times = moments(
            days, at, ZoneInfo(each.time_zone), after=now, until=now + AHEAD
        )
        found += [Digest(each.name, moment) for moment in list(times)[:1]]
    return sorted(found, key=lambda each: each.at)
