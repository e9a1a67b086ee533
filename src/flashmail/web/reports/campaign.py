"""The report of a campaign: a page, a chart, rows as CSV, and one person's case."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Engine
from sqlmodel import Session

from flashmail.database import reading
from flashmail.errors import WrongInput
from flashmail.model import Campaign, Role
from flashmail.reports.campaign import deliveries
from flashmail.reports.compare import comparison
from flashmail.reports.kept import DETAILS, PARTS, SUMMARY, Figures, figures
from flashmail.reports.person import account
from flashmail.sending.campaigns import find
from flashmail.settings import Tracking
from flashmail.web.dependencies import Me, Now, Reading, WhoIsWatched, may
from flashmail.web.download import as_csv
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

    def part(self, name: str) -> Figures:
        if self.fresh:
            counted = PARTS[name](self.session, self.campaign, self.tracking)
            return Figures(counted, self.now)
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
    who: str = "",
    fresh: bool = False,
) -> Response:
    """Show what became of a campaign; `fresh` counts it now."""
    campaign = find(session, campaign_id)
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
        **_case(session, campaign, who),
    )


@router.get("/campaigns/{campaign_id}/report/why", **allow(Role.VIEWER))
def why(campaign_id: int, session: Reading, who: str = "") -> Response:
    """Say why one person did or did not get it."""
    campaign = find(session, campaign_id)
    return part("report-why", campaign=campaign, **_case(session, campaign, who))


@router.get("/campaigns/{campaign_id}/report/timeline.json", **allow(Role.VIEWER))
def timeline(
    campaign_id: int, session: Reading, now: Now, tracking: WhoIsWatched
) -> JSONResponse:
    """Return the lines of the chart."""
    found = Counting(session, find(session, campaign_id), now, tracking)
    return JSONResponse(found.part(DETAILS).values["timeline"])


@router.get(
    "/campaigns/{campaign_id}/report/deliveries.csv", **allow(Role.LIST_MANAGER)
)
def download(campaign_id: int, request: Request) -> Response:
    """Return each delivery as a row."""
    engine = request.app.state.engine
    with reading(engine) as session:
        find(session, campaign_id)
    rows = _rows(engine, campaign_id)
    return as_csv(f"campaign-{campaign_id}.csv", COLUMNS, rows)


def _rows(engine: Engine, campaign_id: int) -> Iterator[tuple[object, ...]]:
    with reading(engine) as session:
        for row in deliveries(session, campaign_id):
            yield tuple(row.values())


def _case(session: Session, campaign: Campaign, who: str) -> dict[str, Any]:
    """Return what is to be told of one person, or what is wrong with the address."""
    if not who.strip():
        return {"who": "", "case": None, "wrong": ""}
    try:
        return {"who": who, "case": account(session, campaign, who), "wrong": ""}
    except WrongInput as problem:
        return {"who": who, "case": None, "wrong": str(problem)}
