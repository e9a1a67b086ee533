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
from flashmail.reports.missed import missed
from flashmail.reports.newsroom import Newsroom
from flashmail.reports.owed import unscheduled
from flashmail.sending.plan.times import moments, parse_days, parse_time
from flashmail.staff import reach
from flashmail.web.dependencies import Me, Now, Reading, WhoIsWatched
from flashmail.web.page import page, part
from flashmail.web.policy import allow

router = APIRouter()

#: Digests are looked for so far ahead.
AHEAD = timedelta(days=7)


@dataclass(frozen=True)
class Coming:
    """What goes out next: a campaign, at its path, or a digest, which has none yet."""

    name: str
    at: datetime
    standing: str
    path: str = ""


@router.get("/", **allow(Role.VIEWER))
def overview(session: Reading, me: Me, now: Now, tracking: WhoIsWatched) -> Response:
    """Show the newsroom at a glance."""
    seen = Newsroom(session, now, tracking, reach.campaigns(session, me))
    return page("overview", **_glance(seen))


@router.get("/overview/live", **allow(Role.VIEWER))
def live(session: Reading, me: Me, now: Now, tracking: WhoIsWatched) -> Response:
    """Return the parts of the overview that change by themselves."""
    seen = Newsroom(session, now, tracking, reach.campaigns(session, me))
    return part("overview-live", **_glance(seen))


def _glance(seen: Newsroom) -> dict[str, Any]:
    session, now = seen.session, seen.now
    return {
        "under_way": seen.under_way(),
        "coming": coming(seen),
        "needs": seen.needs(),
        "missed": missed(session, now=now),
        "unscheduled": unscheduled(session),
        "ended": seen.ended(),
        "heads": latest(session, Crowd.STATUS),
    }


def coming(seen: Newsroom) -> list[Coming]:
    """Return what goes out next, the earliest first."""
    campaigns = [
        Coming(each.subject, each.send_at, each.status.value, f"/campaigns/{each.id}")
        for each in seen.coming()
        if each.send_at
    ]
    found = [*campaigns, *digests(seen.session, seen.now)]
    return sorted(found, key=lambda each: each.at)


def digests(session: Session, now: datetime) -> list[Coming]:
    """Return when each digest goes out next."""
    found = []
    for each in session.exec(select(Schedule).where(col(Schedule.active))):
        days, at = parse_days(each.days), parse_time(each.at)
        times = moments(
            days, at, ZoneInfo(each.time_zone), after=now, until=now + AHEAD
        )
        name = f"Digest “{each.name}”"
        found += [Coming(name, moment, "digest") for moment in list(times)[:1]]
    return found
