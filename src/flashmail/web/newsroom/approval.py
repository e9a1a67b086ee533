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
from flashmail.campaigns import audience as crowd
from flashmail.campaigns import briefs, lifecycle
from flashmail.campaigns.content import Press
from flashmail.campaigns.lifecycle import rehearsal_is_old
from flashmail.errors import WrongInput
from flashmail.findings import Finding
from flashmail.message import PIXEL, fill
from flashmail.model import Campaign, Priority, Rehearsal, Role, Subscriber
from flashmail.rendering.renderer import SAMPLE
from flashmail.review import approval, preparation
from flashmail.review import approval as lone
from flashmail.review.approval import Changed, Seen
from flashmail.review.dry_run import latest
from flashmail.review.preflight import preflight
from flashmail.staff import members, permissions
from flashmail.transactional import queue
from flashmail.web.dependencies import Asker, By, Reading, ThePress, Writing
from flashmail.web.page import done, mail, page
from flashmail.web.policy import allow

router = APIRouter()

#: Between the approval and the first mail: time to see what one has done.
UNDO = timedelta(seconds=10)

#: So many of those who will get it are shown.
SAMPLES = 10

Text = Annotated[str, Form(max_length=2000)]


class ApprovalForm(BaseModel):
    """What an approver sends: what was on the screen, and when it is to go."""

    rehearsal: int
    content: str
    audience: str
    when: str = "now"
    at: str = ""
    zone: str = ""
    typed: str = ""
    reason: str = ""


@router.get("/campaigns/{campaign_id}/approve", **allow(Role.VIEWER))
def look(campaign_id: int, session: Reading, press: ThePress, by: By) -> Response:
    """Show what would go out to whom, and what speaks against it."""
    return page("approve", **_looked_at(session, campaign_id, press, by))


@router.post("/campaigns/{campaign_id}/approve", **allow(Role.EDITOR))
def approve(
    campaign_id: int,
    session: Writing,
    press: ThePress,
    by: By,
    form: Annotated[ApprovalForm, Form()],
) -> Response:
    """Approve what was on the screen, for its moment; refuse what was not."""
    try:
        _approve(session, lifecycle.find(session, campaign_id), press, by, form)
    except Changed as changed:
        found = _looked_at(session, campaign_id, press, by)
        return page("approve", 409, **found | {"difference": changed.difference})
    return done(f"/campaigns/{campaign_id}")


@router.post("/campaigns/{campaign_id}/schedule", **allow(Role.EDITOR))
def schedule(
    campaign_id: int,
    session: Writing,
    by: By,
    when: Text = "now",
    at: Text = "",
    zone: Text = "",
) -> Response:
    """Let what was approved, or was missed, go: now or at a time."""
    moment = _moment(when, at, zone, by.now) or by.now + UNDO
    lifecycle.schedule(session, campaign_id, moment, who=by.who, now=by.now)
    return done(f"/campaigns/{campaign_id}")


def _moment(when: str, at: str, zone: str, now: datetime) -> datetime | None:
    """Return when it is to go; None for as soon as it can be taken back no more."""
    if when == "now":
        return None
    if when != "at":
        raise WrongInput("say when: now, or at a time")
    return parse_moment(f"{at.replace('T', ' ')} {zone}".strip(), now=now)


def _approve(
    session: Session, campaign: Campaign, press: Press, by: Asker, form: ApprovalForm
) -> None:
    assert campaign.id is not None
    may = permissions.permission(
        session, by.staff, campaign, who=by.who, reason=form.reason
    )
    rehearsed = session.get(Rehearsal, form.rehearsal)
    permissions.require_room(
        session, by.staff, rehearsed.meant if rehearsed else 0, now=by.now
    )
    goes = _moment(form.when, form.at, form.zone, by.now) or by.now + UNDO
    approval.approve(
        session,
        campaign.id,
        Seen(form.rehearsal, form.content, form.audience, form.typed),
        findings=_findings(session, campaign, press, by.now, goes, rehearsed),
        who=may.who,
        alone_because=may.alone_because,
        now=by.now,
    )
    lifecycle.schedule(session, campaign.id, goes, who=by.who, now=by.now)
    if may.alone_because:
        lone.note(
            session,
            campaign,
            may.alone_because,
            told=members.addresses(session),
            links=press.links,
            who=by.who,
            now=by.now,
        )


def _findings(
    session: Session,
    campaign: Campaign,
    press: Press,
    now: datetime,
    moment: datetime,
    rehearsal: Rehearsal | None,
) -> tuple[Finding, ...]:
    assert campaign.id is not None
    same = rehearsal and rehearsal.content_digest == campaign.message_digest
    return preflight(
        session,
        campaign.id,
        now=now,
        moment=moment,
        postal_address=press.postal_address,
        # The rehearsal counted them: to count a million again would take a second.
        audience=rehearsal.meant if rehearsal and same else None,
    )


def _looked_at(
    session: Session, campaign_id: int, press: Press, by: Asker
) -> dict[str, Any]:
    campaign = lifecycle.find(session, campaign_id)
    rehearsal = latest(session, campaign_id)
    me, embargo = by.staff, briefs.embargo_of(session, campaign)
    # Whoever looks now may choose a time after the embargo.
    earliest = max(by.now, embargo) if embargo else by.now
    return {
        "campaign": campaign,
        "urgent": campaign.priority == Priority.URGENT,
        "rehearsal": rehearsal,
        "current": rehearsal and rehearsal.content_digest == campaign.message_digest,
        "old": rehearsal and rehearsal_is_old(rehearsal, now=by.now),
        "segment": Segment.from_json(campaign.audience),
        "samples": _samples(session, rehearsal) if rehearsal else [],
        "findings": _findings(session, campaign, press, by.now, earliest, rehearsal),
        "text": fill(campaign.text, lambda field: SAMPLE.get(field, "")),
        "may_send": permissions.may_send(me, permissions.topics_of(campaign)),
        "room": permissions.left(session, me, now=by.now),
        "second": me is None or permissions.may_approve(session, me, campaign),
        "newer": preparation.changed_since(session, campaign),
        "embargo": embargo,
        "difference": None,
    }


def _samples(session: Session, rehearsal: Rehearsal) -> list[Any]:
    """Return some of those who will get it, spread over all."""
    some = crowd.some(rehearsal.crowd, SAMPLES)
    rows = select(Subscriber.name, Subscriber.address)
    found = rows.where(col(Subscriber.id).in_(some)).order_by(col(Subscriber.id))
    return list(session.exec(found))


#: Somebody who looks at it here is no reader: there is no pixel.
LOOKED_AT = SAMPLE | {PIXEL: ""}


@router.post("/campaigns/{campaign_id}/test", **allow(Role.EDITOR))
def send_test(
    campaign_id: int, session: Writing, by: By, addresses: Text = ""
) -> Response:
    """Send it to some of the staff, as a test."""
    wanted = addresses.replace(",", " ").split()
    staff = members.addresses(session)
    n = queue.ask_for_test(
        session, campaign_id, wanted, staff=staff, who=by.who, now=by.now
    )
    return done(f"/campaigns/{campaign_id}", f"Sent as a test to {n}.")


@router.get("/campaigns/{campaign_id}/html", **allow(Role.VIEWER))
def html(campaign_id: int, session: Reading) -> Response:
    """Return its mail as a sample reader would get it, for a frame."""
    found = lifecycle.find(session, campaign_id)
    return mail(fill(found.html, lambda field: escape(LOOKED_AT.get(field, ""))))
