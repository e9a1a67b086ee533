"""Approving: what would go out is looked at, approved, and given its moment."""

from datetime import datetime, timedelta
from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel import Session, col, select

from flashmail.audience.segment import Segment
from flashmail.briefs.dates import parse_moment
from flashmail.campaigns import audience as audiences
from flashmail.campaigns import briefs, lifecycle
from flashmail.campaigns.content import MailKit
from flashmail.campaigns.lifecycle import dry_run_is_old
from flashmail.errors import WrongInput
from flashmail.findings import Finding
from flashmail.message import PIXEL, fill
from flashmail.model import Campaign, DryRun, Priority, Role, Subscriber
from flashmail.rendering.renderer import SAMPLE
from flashmail.review import approval, preparation
from flashmail.review import approval as lone
from flashmail.review.approval import ContentChanged, ReviewedState
from flashmail.review.dry_run import latest
from flashmail.review.preflight import preflight
from flashmail.staff import members, permissions
from flashmail.transactional import queue
from flashmail.web.dependencies import CurrentUser, Reading, TheMailKit, User, Writing
from flashmail.web.page import done, mail, page
from flashmail.web.policy import allow

router = APIRouter()

#: Between the approval and the first mail: time to see what one has done.
UNDO = timedelta(seconds=10)

#: How many of the audience are shown.
SAMPLES = 10

Text = Annotated[str, Form(max_length=2000)]


class ApprovalForm(BaseModel):
    """What an approver sends: what was on the screen, and when it is to go."""

    dry_run: int
    content: str
    audience: str
    when: str = "now"
    at: str = ""
    zone: str = ""
    typed: str = ""
    reason: str = ""


@router.get("/campaigns/{campaign_id}/approve", **allow(Role.VIEWER))
def look(campaign_id: int, session: Reading, kit: TheMailKit, user: User) -> Response:
    """Show what would go out, to how many, and what is to be mended before."""
    return page("approve", **_looked_at(session, campaign_id, kit, user))


@router.post("/campaigns/{campaign_id}/approve", **allow(Role.EDITOR))
def approve(
    campaign_id: int,
    session: Writing,
    kit: TheMailKit,
    user: User,
    form: Annotated[ApprovalForm, Form()],
) -> Response:
    """Approve what was on the screen, for its moment; refuse what was not."""
    try:
        _approve(session, lifecycle.get_campaign(session, campaign_id), kit, user, form)
    except ContentChanged as changed:
        found = _looked_at(session, campaign_id, kit, user)
        return page("approve", 409, **found | {"difference": changed.difference})
    return done(f"/campaigns/{campaign_id}")


@router.post("/campaigns/{campaign_id}/schedule", **allow(Role.EDITOR))
def schedule(
    campaign_id: int,
    session: Writing,
    user: User,
    when: Text = "now",
    at: Text = "",
    zone: Text = "",
) -> Response:
    """Let what was approved, or was missed, go: now or at a time."""
    moment = _moment(when, at, zone, user.now) or user.now + UNDO
    lifecycle.schedule(session, campaign_id, moment, by=user.name, now=user.now)
    return done(f"/campaigns/{campaign_id}")


def _moment(when: str, at: str, zone: str, now: datetime) -> datetime | None:
    """Return when it is to go; None for as soon as it can be taken back no more."""
    if when == "now":
        return None
    if when != "at":
        raise WrongInput("say when: now, or at a time")
    return parse_moment(f"{at.replace('T', ' ')} {zone}".strip(), now=now)


def _approve(
    session: Session,
    campaign: Campaign,
    kit: MailKit,
    user: CurrentUser,
    form: ApprovalForm,
) -> None:
    assert campaign.id is not None
    may = permissions.permission(
        session, user.staff, campaign, by=user.name, reason=form.reason
    )
    dry_run = session.get(DryRun, form.dry_run)
    permissions.require_capacity(
        session, user.staff, dry_run.audience_size if dry_run else 0, now=user.now
    )
    goes = _moment(form.when, form.at, form.zone, user.now) or user.now + UNDO
    approval.approve(
        session,
        campaign.id,
        ReviewedState(form.dry_run, form.content, form.audience, form.typed),
        findings=_findings(session, campaign, kit, user.now, goes, dry_run),
        by=may.by,
        alone_because=may.alone_because,
        now=user.now,
    )
    lifecycle.schedule(session, campaign.id, goes, by=user.name, now=user.now)
    if may.alone_because:
        lone.record_self_approval(
            session,
            campaign,
            may.alone_because,
            told=members.addresses(session),
            links=kit.links,
            by=user.name,
            now=user.now,
        )


def _findings(
    session: Session,
    campaign: Campaign,
    kit: MailKit,
    now: datetime,
    moment: datetime,
    dry_run: DryRun | None,
) -> tuple[Finding, ...]:
    assert campaign.id is not None
    same = dry_run and dry_run.content_hash == campaign.content_hash
    return preflight(
        session,
        campaign.id,
        now=now,
        moment=moment,
        postal_address=kit.postal_address,
        # The dry run counted them: to count a million again would take a second.
        audience=dry_run.audience_size if dry_run and same else None,
    )


def _looked_at(
    session: Session, campaign_id: int, kit: MailKit, user: CurrentUser
) -> dict[str, Any]:
    campaign = lifecycle.get_campaign(session, campaign_id)
    dry_run = latest(session, campaign_id)
    me, embargo = user.staff, briefs.embargo_of(session, campaign)
    # The approver may choose a time after the embargo.
    earliest = max(user.now, embargo) if embargo else user.now
    return {
        "campaign": campaign,
        "urgent": campaign.priority == Priority.URGENT,
        "dry_run": dry_run,
        "current": dry_run and dry_run.content_hash == campaign.content_hash,
        "old": dry_run and dry_run_is_old(dry_run, now=user.now),
        "segment": Segment.from_json(campaign.audience),
        "samples": _samples(session, dry_run) if dry_run else [],
        "findings": _findings(session, campaign, kit, user.now, earliest, dry_run),
        "text": fill(campaign.text, lambda field: SAMPLE.get(field, "")),
        "may_send": permissions.may_send(me, permissions.topics_of(campaign)),
        "room": permissions.remaining_today(session, me, now=user.now),
        "second": me is None or permissions.may_approve(session, me, campaign),
        "newer": preparation.changed_since(session, campaign),
        "embargo": embargo,
        "difference": None,
    }


def _samples(session: Session, dry_run: DryRun) -> list[Any]:
    """Return some of the audience, spread over all."""
    some = audiences.sample_ids(dry_run.audience_ids, SAMPLES)
    rows = select(Subscriber.name, Subscriber.address)
    found = rows.where(col(Subscriber.id).in_(some)).order_by(col(Subscriber.id))
    return list(session.exec(found))


#: Staff looking at it here are no readers: there is no pixel.
LOOKED_AT = SAMPLE | {PIXEL: ""}


@router.post("/campaigns/{campaign_id}/test", **allow(Role.EDITOR))
def send_test(
    campaign_id: int, session: Writing, user: User, addresses: Text = ""
) -> Response:
    """Send it to some of the staff, as a test."""
    wanted = addresses.replace(",", " ").split()
    staff = members.addresses(session)
    n = queue.request_test(
        session, campaign_id, wanted, staff=staff, by=user.name, now=user.now
    )
    return done(f"/campaigns/{campaign_id}", f"Sent as a test to {n}.")


@router.get("/campaigns/{campaign_id}/html", **allow(Role.VIEWER))
def html(campaign_id: int, session: Reading) -> Response:
    """Return its mail as a sample reader would get it, for a frame."""
    found = lifecycle.get_campaign(session, campaign_id)
    return mail(fill(found.html, lambda field: escape(LOOKED_AT.get(field, ""))))
