"""Correcting: stop what is wrong, say so, and review self-approvals."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlmodel import Session, col

from flashmail.campaigns import lifecycle
from flashmail.campaigns.audience import REACHED
from flashmail.drafts import editing
from flashmail.errors import WrongInput
from flashmail.model import UNFINISHED, Draft, Role, Staff
from flashmail.reports.progress import live
from flashmail.review import approval, preparation
from flashmail.review.correction import CorrectionRequest, correct, retract
from flashmail.staff import permissions
from flashmail.web.dependencies import (
    CurrentUser,
    Reading,
    TheEngine,
    TheMailKit,
    User,
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
def ask(campaign_id: int, session: Reading, user: User) -> Response:
    """Ask what is to be said instead."""
    found = lifecycle.get_campaign(session, campaign_id)
    permissions.require_rights(user.staff, found)
    states = live(session, found, now=user.now).states
    return page(
        "correct",
        campaign=found,
        reached=sum(states[each] for each in REACHED),
        waiting=sum(states[each] for each in UNFINISHED),
        drafts=_drafts(session, user.staff),
    )


@router.post("/campaigns/{campaign_id}/correct", **allow(Role.EDITOR))
def mend(
    campaign_id: int,
    engine: TheEngine,
    kit: TheMailKit,
    user: User,
    session: Reading,
    draft: Annotated[str, Form()],
    words: Words,
) -> Response:
    """Stop it for good; draft the mended brief for the rest, and the correction."""
    fix = _fix(session, user.staff, draft, words)
    session.close()
    made = correct(engine, kit, campaign_id, fix, by=user.name, now=user.now)
    text = "Stopped. Approve the correction, and the mended brief for the rest."
    return done(f"/campaigns/{campaign_id}", text if made.rest else "Approve it next.")


@router.post("/campaigns/{campaign_id}/retract", **allow(Role.EDITOR))
def retract_campaign(
    campaign_id: int, engine: TheEngine, kit: TheMailKit, user: User, words: Words
) -> Response:
    """Stop it for good; draft the mail that takes it back."""
    retract(engine, kit, campaign_id, words, by=user.name, now=user.now)
    return done(f"/campaigns/{campaign_id}", "Stopped. Approve the retraction next.")


@router.get("/reviews", **allow(Role.VIEWER))
def reviews(session: Reading, user: User) -> Response:
    """List what was approved by one person alone."""
    return page(
        "reviews",
        waiting=approval.unreviewed(session),
        who=user.name,
        alone=_is_alone(session, user),
        may_review=may(user.staff, Role.EDITOR),
    )


@router.post("/reviews/{approval_id}", **allow(Role.EDITOR))
def review(approval_id: int, session: Writing, user: User) -> Response:
    """Tick it off."""
    alone = _is_alone(session, user)
    approval.acknowledge(session, approval_id, alone=alone, by=user.name, now=user.now)
    return done("/reviews", "Noted that you have looked at it.")


def _is_alone(session: Session, user: CurrentUser) -> bool:
    return user.staff is None or permissions.editors(session) == [user.staff.key]


def _drafts(session: Session, me: Staff | None) -> list[Draft]:
    living = permissions.visible_drafts(session, me, editing.drafts())
    latest = living.order_by(col(Draft.changed_at).desc()).limit(DRAFTS)
    return list(session.exec(latest))


def _fix(
    session: Session, me: Staff | None, draft: str, words: str
) -> CorrectionRequest:
    number, _, revision = draft.partition(":")
    if not (number.isdecimal() and revision.isdecimal()):
        raise WrongInput("choose the mended brief")
    permissions.require(me, editing.find(session, int(number)))
    brief = preparation.form_of(session, int(number), int(revision))
    return CorrectionRequest(brief, words, int(number), int(revision))
