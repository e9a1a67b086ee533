"""The report of a campaign: a page, a chart, rows as CSV, and one person's case."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from flashmail.audience.counts import latest
from flashmail.campaigns.lifecycle import get_campaign
from flashmail.database import reading
from flashmail.digests.schedules import moments, parse_days, parse_time
from flashmail.errors import WrongInput
from flashmail.model import Campaign, HeadcountKind, Role, Schedule
from flashmail.reports.cached import (
    DETAILS,
    PARTS,
    SUMMARY,
    CachedFigures,
    comparison,
    figures,
)
from flashmail.reports.campaign import deliveries
from flashmail.reports.dashboard import Newsroom, missed
from flashmail.reports.subscriber import account, unscheduled
from flashmail.settings import Tracking
from flashmail.staff import permissions
from flashmail.web.dependencies import Me, Now, Reading, WhoIsWatched, may
from flashmail.web.lists import as_csv
from flashmail.web.page import page, part
from flashmail.web.policy import allow

router = APIRouter()

COLUMNS = ("address", "state", "reason", "attempts")


@dataclass(frozen=True)
class Counting:
    """How a campaign's figures are come by: those that were kept, or counted now."""

    session: Session
    campaign: Campaign
    now: datetime
    tracking: Tracking
    fresh: bool = False

    def part(self, name: str) -> CachedFigures:
        if self.fresh:
            counted = PARTS[name](self.session, self.campaign, self.tracking)
            return CachedFigures(counted, self.now)
        return figures(
            self.session, self.campaign, name, now=self.now, tracking=self.tracking
        )


@router.get("/campaigns/{campaign_id}/report", **allow(Role.VIEWER))
def report(
    campaign_id: int,
    session: Reading,
    now: Now,
    me: Me,
    tracking: WhoIsWatched,
    address: str = "",
    fresh: bool = False,
) -> Response:
    """Show what became of a campaign; `fresh` counts it now."""
    campaign = get_campaign(session, campaign_id)
    counting = Counting(session, campaign, now, tracking, fresh=fresh)
    counted = counting.part(SUMMARY)
    past, measures = comparison(session, campaign, now=now, tracking=tracking)
    return page(
        "report",
        campaign=campaign,
        counted_at=counted.counted_at,
        report=counted.values,
        details=counting.part(DETAILS).values,
        past=past,
        measures=measures,
        may_export=may(me, Role.LIST_MANAGER),
        **_case(session, campaign, address),
    )


@router.get("/campaigns/{campaign_id}/report/why", **allow(Role.VIEWER))
def why(campaign_id: int, session: Reading, address: str = "") -> Response:
    """Say why one person did or did not get it."""
    campaign = get_campaign(session, campaign_id)
    return part("report-why", campaign=campaign, **_case(session, campaign, address))


@router.get("/campaigns/{campaign_id}/report/timeline.json", **allow(Role.VIEWER))
def timeline(
    campaign_id: int, session: Reading, now: Now, tracking: WhoIsWatched
) -> JSONResponse:
    """Return the lines of the chart."""
    found = Counting(session, get_campaign(session, campaign_id), now, tracking)
    return JSONResponse(found.part(DETAILS).values["timeline"])


@router.get(
    "/campaigns/{campaign_id}/report/deliveries.csv", **allow(Role.LIST_MANAGER)
)
def download(campaign_id: int, request: Request) -> Response:
    """Return each delivery as a row."""
    engine = request.app.state.engine
    with reading(engine) as session:
        get_campaign(session, campaign_id)
    rows = _rows(engine, campaign_id)
    return as_csv(f"campaign-{campaign_id}.csv", COLUMNS, rows)


def _rows(engine: Engine, campaign_id: int) -> Iterator[tuple[object, ...]]:
    with reading(engine) as session:
        for row in deliveries(session, campaign_id):
            yield tuple(row.values())


def _case(session: Session, campaign: Campaign, address: str) -> dict[str, Any]:
    """Return what is to be told of one person, or what is wrong with the address."""
    if not address.strip():
        return {"address": "", "case": None, "wrong": ""}
    try:
        return {
            "address": address,
            "case": account(session, campaign, address),
            "wrong": "",
        }
    except WrongInput as problem:
        return {"address": address, "case": None, "wrong": str(problem)}


#: Digests are looked for so far ahead.
AHEAD = timedelta(days=7)


@dataclass(frozen=True)
class UpcomingCampaign:
    """What goes out next: a campaign, at its path, or a digest, which has none yet."""

    name: str
    at: datetime
    standing: str
    path: str = ""


@router.get("/", **allow(Role.VIEWER))
def overview(session: Reading, me: Me, now: Now, tracking: WhoIsWatched) -> Response:
    """Show the newsroom at a glance."""
    seen = Newsroom(session, now, tracking, permissions.visible_campaigns(session, me))
    return page("overview", **_glance(seen))


@router.get("/overview/live", **allow(Role.VIEWER))
def live(session: Reading, me: Me, now: Now, tracking: WhoIsWatched) -> Response:
    """Return the parts of the overview that change by themselves."""
    seen = Newsroom(session, now, tracking, permissions.visible_campaigns(session, me))
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
        "heads": latest(session, HeadcountKind.STATUS),
    }


def coming(seen: Newsroom) -> list[UpcomingCampaign]:
    """Return what goes out next, the earliest first."""
    campaigns = [
        UpcomingCampaign(
            each.subject, each.send_at, each.status.value, f"/campaigns/{each.id}"
        )
        for each in seen.coming()
        if each.send_at
    ]
    found = [*campaigns, *digests(seen.session, seen.now)]
    return sorted(found, key=lambda each: each.at)


def digests(session: Session, now: datetime) -> list[UpcomingCampaign]:
    """Return when each digest goes out next."""
    found = []
    for each in session.exec(select(Schedule).where(col(Schedule.active))):
        days, at = parse_days(each.days), parse_time(each.at)
        times = moments(
            days, at, ZoneInfo(each.time_zone), after=now, until=now + AHEAD
        )
        name = f"Digest “{each.name}”"
        found += [
            UpcomingCampaign(name, moment, "digest") for moment in list(times)[:1]
        ]
    return found
