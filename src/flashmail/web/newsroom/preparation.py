"""Preparing: a draft becomes a campaign, and is rehearsed while somebody looks on."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from sqlalchemy import Engine

from flashmail.audience import saved_segments
from flashmail.database import reading
from flashmail.errors import DraftNotFound
from flashmail.links import Tokens
from flashmail.model import Draft, Role
from flashmail.review import preparation
from flashmail.review.dry_run import dry_run
from flashmail.review.preparation import SendRequest
from flashmail.staff import permissions
from flashmail.tasks import TaskProgress, Tasks
from flashmail.web.dependencies import (
    CurrentUser,
    FileSegments,
    LongWork,
    Me,
    OurTokens,
    Reading,
    TheMailKit,
    User,
)
from flashmail.web.page import done, page
from flashmail.web.policy import allow

router = APIRouter()

Text = Annotated[str, Form(max_length=2000)]

Choice = Annotated[bool, Form()]

Number = Annotated[int, Form()]


@dataclass(frozen=True)
class DryRunRunner:
    """Where campaigns are rehearsed while somebody looks on."""

    engine: Engine
    tokens: Tokens
    tasks: Tasks

    def start_dry_run(self, campaign_id: int, user: CurrentUser) -> Response:
        def rehearsing(progress: TaskProgress) -> dict[str, Any]:
            number = dry_run(
                self.engine,
                campaign_id,
                self.tokens,
                by=user.name,
                now=user.now,
                advance=progress,
            )
            return {"dry_run": number}

        title = f"Rehearsing campaign {campaign_id}"
        then = f"/campaigns/{campaign_id}/approve"
        return done(self.tasks.begin(title, rehearsing, by=user.name, then=then))


def _stage(request: Request, tokens: OurTokens, tasks: LongWork) -> DryRunRunner:
    return DryRunRunner(request.app.state.engine, tokens, tasks)


TheStage = Annotated[DryRunRunner, Depends(_stage)]


@router.get("/campaigns/new", **allow(Role.EDITOR))
def ask(draft: int, session: Reading, of_file: FileSegments, me: Me) -> Response:
    """Ask how a draft is to be sent: its segment, and whether it is urgent."""
    found = session.get(Draft, draft)
    if found is None or found.discarded_at is not None:
        raise DraftNotFound(f"there is no draft {draft}")
    permissions.require(me, found)
    brief = preparation.form_of(session, draft, found.version)
    named = list(saved_segments.merged(session, of_file))
    return page("campaign-new", draft=found, brief=brief, segments=named)


@router.post("/campaigns", **allow(Role.EDITOR))
def make(
    kit: TheMailKit,
    stage: TheStage,
    user: User,
    draft: Number,
    revision: Number,
    of_file: FileSegments,
    urgent: Choice = False,
    segment: Text = "",
) -> Response:
    """Freeze a draft as a campaign, and rehearse it."""
    with reading(stage.engine) as session:
        chosen = saved_segments.named(session, of_file, segment) if segment else None
        if found := session.get(Draft, draft):
            permissions.require(user.staff, found)
    campaign_id = preparation.prepare(
        stage.engine,
        kit,
        SendRequest(draft, revision, chosen, urgent=urgent),
        check=lambda made: permissions.require_rights(user.staff, made),
        by=user.name,
        now=user.now,
    )
    return stage.start_dry_run(campaign_id, user)


@router.post("/campaigns/{campaign_id}/rehearse", **allow(Role.EDITOR))
def run_through(campaign_id: int, stage: TheStage, user: User) -> Response:
    """Do all but send it."""
    return stage.start_dry_run(campaign_id, user)


@router.post("/campaigns/{campaign_id}/renew", **allow(Role.EDITOR))
def refresh(campaign_id: int, kit: TheMailKit, stage: TheStage, user: User) -> Response:
    """Take the draft over as it is now, and rehearse that."""
    preparation.refresh(
        stage.engine,
        kit,
        campaign_id,
        check=lambda made: permissions.require_rights(user.staff, made),
        by=user.name,
        now=user.now,
    )
    return stage.start_dry_run(campaign_id, user)
