"""Correcting: stop what is wrong, say so, and look at who approved alone."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlmodel import Session, col

from flashmail.campaigns import lifecycle
from flashmail.campaigns.audience import REACHED
from flashmail.drafts import editing
from flashmail.errors import WrongInput
from flashmail.model import OPEN, BriefDraft, Role, Staff
from flashmail.reports.progress import live
from flashmail.review import approval, preparation
from flashmail.review.correction import Fix, correct, retract
from flashmail.staff import permissions
from flashmail.web.dependencies import (
    Asker,
    By,
    Reading,
    TheEngine,
    ThePress,
    Writing,
    may,
)
from flashmail.web.page import done, page
from flashmail.web.policy import allow

router = APIRouter()

#: So many of the latest drafts can be chosen.
DRAFTS = 30

Words = Annotated[str, Form(max_length=5000)]


@router.get("/campaigns/{campaign_id}/correct", **allow(Role.EDITOR))
def ask(campaign_id: int, session: Reading, by: By) -> Response:
    """Ask what is to be said instead."""
    found = lifecycle.find(session, campaign_id)
    permissions.require_rights(by.staff, found)
    states = live(session, found, now=by.now).states
    return page(
        "correct",
        campaign=found,
        reached=sum(states[each] for each in REACHED),
        waiting=sum(states[each] for each in OPEN),
        drafts=_drafts(session, by.staff),
    )


@router.post("/campaigns/{campaign_id}/correct", **allow(Role.EDITOR))
def mend(
    campaign_id: int,
    engine: TheEngine,
    press: ThePress,
    by: By,
    session: Reading,
    draft: Annotated[str, Form()],
    words: Words,
) -> Response:
    """Stop it for good; draft the mended brief for the rest, and the correction."""
    fix = _fix(session, by.staff, draft, words)
    session.close()
    made = correct(engine, press, campaign_id, fix, who=by.who, now=by.now)
    text = "Stopped. Approve the correction, and the mended brief for the rest."
    return done(f"/campaigns/{campaign_id}", text if made.rest else "Approve it next.")


@router.post("/campaigns/{campaign_id}/retract", **allow(Role.EDITOR))
def take_back(
    campaign_id: int, engine: TheEngine, press: ThePress, by: By, words: Words
) -> Response:
    """Stop it for good; draft the mail that takes it back."""
    retract(engine, press, campaign_id, words, who=by.who, now=by.now)
    return done(f"/campaigns/{campaign_id}", "Stopped. Approve the retraction next.")


@router.get("/reviews", **allow(Role.VIEWER))
def reviews(session: Reading, by: By) -> Response:
    """List what was approved by one person alone."""
    return page(
        "reviews",
        waiting=approval.unreviewed(session),
        who=by.who,
        alone=_is_alone(session, by),
        may_review=may(by.staff, Role.EDITOR),
    )


@router.post("/reviews/{approval_id}", **allow(Role.EDITOR))
def review(approval_id: int, session: Writing, by: By) -> Response:
    """Tick it off."""
    alone = _is_alone(session, by)
    approval.review(session, approval_id, alone=alone, who=by.who, now=by.now)
    return done("/reviews", "Noted that you have looked at it.")


def _is_alone(session: Session, by: Asker) -> bool:
    return by.staff is None or permissions.editors(session) == [by.staff.key]


def _drafts(session: Session, me: Staff | None) -> list[BriefDraft]:
    living = permissions.within(session, me, editing.drafts())
    latest = living.order_by(col(BriefDraft.changed_at).desc()).limit(DRAFTS)
    return list(session.exec(latest))


def _fix(session: Session, me: Staff | None, draft: str, words: str) -> Fix:
    number, _, revision = draft.partition(":")
    if not (number.isdecimal() and revision.isdecimal()):
        raise WrongInput("choose the mended brief")
    permissions.require(me, editing.find(session, int(number)))
    brief = preparation.form_of(session, int(number), int(revision))
    return Fix(brief, words, int(number), int(revision))
