"""A campaign: the page from which it is sent, watched and stopped."""

from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlmodel import Session

from flashmail.model import (
    Campaign,
    DeliveryState,
    Priority,
    Rehearsal,
    Role,
)
from flashmail.reports.live import live
from flashmail.sending import campaigns, stored
from flashmail.sending.approve import approval, lone
from flashmail.sending.approve.correct import amendments
from flashmail.sending.approve.fresh import approval_is_old
from flashmail.sending.approve.prepare import changed_since
from flashmail.sending.approve.rehearsal import latest
from flashmail.sending.engine.retry import retry, retryable
from flashmail.sending.letters.letters import tests_of
from flashmail.staff import cap, rights
from flashmail.web.dependencies import Asker, By, Reading, Writing
from flashmail.web.page import done, page, part
from flashmail.web.policy import allow

router = APIRouter()

#: What somebody types who lets perhaps a second copy go out.
AGAIN = "again"


@router.get("/campaigns/{campaign_id}", **allow(Role.VIEWER))
def campaign(campaign_id: int, session: Reading, by: By) -> Response:
    """Show where a campaign stands, and what can be done about it."""
    shown = _live(session, campaign_id, by)
    return page("campaign", **shown, **_besides(session, shown["campaign"]))


@router.get("/campaigns/{campaign_id}/live", **allow(Role.VIEWER))
def campaign_live(campaign_id: int, session: Reading, by: By) -> Response:
    """Return the part of the page that changes while it is looked at."""
    return part("campaign-live", **_live(session, campaign_id, by))


@router.post("/campaigns/{campaign_id}/take-back", **allow(Role.EDITOR))
def take_back(campaign_id: int, session: Writing, by: By) -> Response:
    """Undo: nothing went out yet, and nothing will before it is approved again."""
    campaigns.take_back(session, campaign_id, who=by.who, now=by.now)
    return done(_path(campaign_id), "Taken back. Nobody got anything.")


@router.post("/campaigns/{campaign_id}/pause", **allow(Role.EDITOR))
def pause(campaign_id: int, session: Writing, by: By) -> Response:
    """Stop after the batches in hand."""
    campaigns.pause(
        session, campaign_id, who=by.who, now=by.now, note=f"halted by {by.who}"
    )
    return done(_path(campaign_id), "Halted. What is on its way right now arrives.")


@router.post("/campaigns/{campaign_id}/resume", **allow(Role.EDITOR))
def resume(campaign_id: int, session: Writing, by: By) -> Response:
    """Go on where it stopped."""
    campaigns.resume(session, campaign_id, who=by.who, now=by.now)
    return done(_path(campaign_id), "It goes on.")


@router.post("/campaigns/{campaign_id}/cancel", **allow(Role.EDITOR))
def cancel(campaign_id: int, session: Writing, by: By) -> Response:
    """Send nothing more, for good."""
    campaigns.cancel(session, campaign_id, who=by.who, now=by.now)
    return done(_path(campaign_id), "Cancelled for good.")


@router.post("/campaigns/{campaign_id}/retry", **allow(Role.EDITOR))
def try_again(campaign_id: int, session: Writing, by: By) -> Response:
    """Try again what failed, but not because of the address."""
    count = retry(session, campaign_id, unknown=False, who=by.who, now=by.now)
    return done(_path(campaign_id), f"{count:,} are tried again.")


@router.post("/campaigns/{campaign_id}/retry-unknown", **allow(Role.EDITOR))
def try_unknown(
    campaign_id: int,
    session: Writing,
    by: By,
    word: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Send again what may have arrived, when somebody says so in a word."""
    if word.strip().lower() != AGAIN:
        text = f"Nothing was sent. Type “{AGAIN}” to let a second copy go out."
        return done(_path(campaign_id), text)
    count = retry(session, campaign_id, unknown=True, who=by.who, now=by.now)
    return done(_path(campaign_id), f"{count:,} are sent again.")


@router.post("/campaigns/{campaign_id}/include", **allow(Role.EDITOR))
def include(campaign_id: int, session: Writing, by: By) -> Response:
    """Send it to those as well who joined after the approval."""
    more = approval.joined_later(session, campaign_id)
    cap.require_room(session, by.staff, more, now=by.now)
    count = approval.include(session, campaign_id, who=by.who, now=by.now)
    return done(_path(campaign_id), f"{count:,} more get it.")


def _path(campaign_id: int) -> str:
    return f"/campaigns/{campaign_id}"


def _live(session: Session, campaign_id: int, by: Asker) -> dict[str, Any]:
    """Return what the part of the page shows that is asked for again and again."""
    found = campaigns.find(session, campaign_id)
    numbers = live(session, found, now=by.now)
    return {
        "campaign": found,
        "live": numbers,
        "now": by.now,
        **_further(session, campaign_id, numbers.states),
        "amendments": amendments(session, campaign_id),
        "newer": changed_since(session, found),
        "may_send": rights.may_send(by.staff, rights.topics_of(found)),
        "again": AGAIN,
        "old": approval_is_old(found, now=by.now),
    }


def _besides(session: Session, found: Campaign) -> dict[str, Any]:
    assert found.id is not None
    return {
        "urgent": found.priority == Priority.URGENT,
        "rehearsal": _rehearsal(session, found),
        "alone": lone.of(session, found.id),
        "tests": tests_of(session, found.id),
        "embargo": stored.embargo_of(session, found),
    }


def _further(
    session: Session, campaign_id: int, states: dict[DeliveryState, int]
) -> dict[str, int]:
    """Count what can be sent still; nothing is looked for where there is none."""
    skipped, failed = states[DeliveryState.SKIPPED], states[DeliveryState.FAILED]
    joined = approval.joined_later(session, campaign_id) if skipped else 0
    again = retryable(session, campaign_id) if failed else 0
    return {"joined": joined, "retryable": again}


def _rehearsal(session: Session, found: Campaign) -> Rehearsal | None:
    if found.rehearsal_id is not None:
        return session.get(Rehearsal, found.rehearsal_id)
    return latest(session, found.id or 0)
