"""Approving: from a draft to a campaign, its rehearsal, the approval, the moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from flashmail.audience import segments
from flashmail.audience.segment import Segment
from flashmail.database import reading
from flashmail.errors import WrongInput
from flashmail.links import Tokens
from flashmail.message import PIXEL, fill
from flashmail.model import (
    BriefDraft,
    Campaign,
    Priority,
    Rehearsal,
    Role,
    Subscriber,
)
from flashmail.rendering.finding import Finding
from flashmail.sending import campaigns, stored
from flashmail.sending.approve import approval, crowd, lone, prepare
from flashmail.sending.approve.approval import Changed, Seen
from flashmail.sending.approve.fresh import rehearsal_is_old
from flashmail.sending.approve.moment import parse_moment
from flashmail.sending.approve.preflight import preflight
from flashmail.sending.approve.prepare import Wish
from flashmail.sending.approve.press import Press
from flashmail.sending.approve.preview import SAMPLE
from flashmail.sending.approve.rehearsal import latest, rehearse
from flashmail.sending.letters import letters
from flashmail.staff import people, reach, rights, second
from flashmail.web.dependencies import (
    Asker,
    By,
    FileSegments,
    LongWork,
    Me,
    OurTokens,
    Reading,
    ThePress,
    Writing,
)
from flashmail.web.page import done, mail, page
from flashmail.web.policy import allow
from flashmail.web.tasks import Progress, Tasks

router = APIRouter()

#: Between the approval and the first mail: time to see what one has done.
UNDO = timedelta(seconds=10)

#: Somebody who looks at it here is no reader: there is no pixel.
LOOKED_AT = SAMPLE | {PIXEL: ""}

#: So many of those who will get it are shown.
SAMPLES = 10

Text = Annotated[str, Form(max_length=2000)]
Choice = Annotated[bool, Form()]
Number = Annotated[int, Form()]


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


@dataclass(frozen=True)
class Stage:
    """Where campaigns are rehearsed while somebody looks on."""

    engine: Engine
    tokens: Tokens
    tasks: Tasks

    def rehearse(self, campaign_id: int, by: Asker) -> Response:
        def rehearsing(progress: Progress) -> dict[str, Any]:
            number = rehearse(
                self.engine,
                campaign_id,
                self.tokens,
                who=by.who,
                now=by.now,
                advance=progress,
            )
            return {"rehearsal": number}

        title = f"Rehearsing campaign {campaign_id}"
        then = f"/campaigns/{campaign_id}/approve"
        return done(self.tasks.begin(title, rehearsing, who=by.who, then=then))


def _stage(request: Request, tokens: OurTokens, tasks: LongWork) -> Stage:
    return Stage(request.app.state.engine, tokens, tasks)


TheStage = Annotated[Stage, Depends(_stage)]


@router.get("/campaigns/new", **allow(Role.EDITOR))
def ask(draft: int, session: Reading, of_file: FileSegments, me: Me) -> Response:
    """Ask how a draft is to be sent: to whom, and whether it is urgent."""
    found = session.get(BriefDraft, draft)
    if found is None or found.discarded_at is not None:
        raise prepare.NoSuchDraft(f"there is no draft {draft}")
    reach.require(me, found)
    brief = prepare.form_of(session, draft, found.revision)
    named = list(segments.merged(session, of_file))
    return page("campaign-new", draft=found, brief=brief, segments=named)


@router.post("/campaigns", **allow(Role.EDITOR))
def make(
    press: ThePress,
    stage: TheStage,
    by: By,
    draft: Number,
    revision: Number,
    of_file: FileSegments,
    urgent: Choice = False,
    segment: Text = "",
) -> Response:
    """Freeze a draft as a campaign, and rehearse it."""
    with reading(stage.engine) as session:
        chosen = segments.named(session, of_file, segment) if segment else None
        if found := session.get(BriefDraft, draft):
            reach.require(by.staff, found)
    campaign_id = prepare.prepare(
        stage.engine,
        press,
        Wish(draft, revision, chosen, urgent=urgent),
        check=lambda made: second.require_rights(by.staff, made),
        who=by.who,
        now=by.now,
    )
    return stage.rehearse(campaign_id, by)


@router.post("/campaigns/{campaign_id}/rehearse", **allow(Role.EDITOR))
def run_through(campaign_id: int, stage: TheStage, by: By) -> Response:
    """Do all but send it."""
    return stage.rehearse(campaign_id, by)


@router.post("/campaigns/{campaign_id}/renew", **allow(Role.EDITOR))
def renew(campaign_id: int, press: ThePress, stage: TheStage, by: By) -> Response:
    """Take the draft over as it is now, and rehearse that."""
    prepare.renew(
        stage.engine,
        press,
        campaign_id,
        check=lambda made: second.require_rights(by.staff, made),
        who=by.who,
        now=by.now,
    )
    return stage.rehearse(campaign_id, by)


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
        _approve(session, campaigns.find(session, campaign_id), press, by, form)
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
    campaigns.schedule(session, campaign_id, moment, who=by.who, now=by.now)
    return done(f"/campaigns/{campaign_id}")


@router.post("/campaigns/{campaign_id}/test", **allow(Role.EDITOR))
def send_test(
    campaign_id: int, session: Writing, by: By, addresses: Text = ""
) -> Response:
    """Send it to some of the staff, as a test."""
    wanted = addresses.replace(",", " ").split()
    staff = people.addresses(session)
    n = letters.ask_for_test(
        session, campaign_id, wanted, staff=staff, who=by.who, now=by.now
    )
    return done(f"/campaigns/{campaign_id}", f"Sent as a test to {n}.")


@router.get("/campaigns/{campaign_id}/html", **allow(Role.VIEWER))
def html(campaign_id: int, session: Reading) -> Response:
    """Return its mail as a sample reader would get it, for a frame."""
    found = campaigns.find(session, campaign_id)
    return mail(fill(found.html, lambda field: escape(LOOKED_AT.get(field, ""))))


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
    may = second.permission(session, by.staff, campaign, who=by.who, reason=form.reason)
    goes = _moment(form.when, form.at, form.zone, by.now) or by.now + UNDO
    approval.approve(
        session,
        campaign.id,
        Seen(form.rehearsal, form.content, form.audience, form.typed),
        findings=_findings(session, campaign, press, by.now, goes),
        who=may.who,
        alone_because=may.alone_because,
        now=by.now,
    )
    campaigns.schedule(session, campaign.id, goes, who=by.who, now=by.now)
    if may.alone_because:
        lone.note(
            session,
            campaign,
            may.alone_because,
            told=people.addresses(session),
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
) -> tuple[Finding, ...]:
    assert campaign.id is not None
    postal = press.postal_address
    return preflight(
        session, campaign.id, now=now, moment=moment, postal_address=postal
    )


def _looked_at(
    session: Session, campaign_id: int, press: Press, by: Asker
) -> dict[str, Any]:
    campaign = campaigns.find(session, campaign_id)
    rehearsal = latest(session, campaign_id)
    me, embargo = by.staff, stored.embargo_of(session, campaign)
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
        "findings": _findings(session, campaign, press, by.now, earliest),
        "text": fill(campaign.text, lambda field: SAMPLE.get(field, "")),
        "may_send": rights.may_send(me, rights.topics_of(campaign)),
        "second": me is None or second.may_approve(session, me, campaign),
        "newer": prepare.changed_since(session, campaign),
        "embargo": embargo,
        "difference": None,
    }


def _samples(session: Session, rehearsal: Rehearsal) -> list[Any]:
    """Return some of those who will get it, spread over all."""
    some = crowd.some(rehearsal.crowd, SAMPLES)
    rows = select(Subscriber.name, Subscriber.address)
    found = rows.where(col(Subscriber.id).in_(some)).order_by(col(Subscriber.id))
    return list(session.exec(found))
