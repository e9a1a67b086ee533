"""From brief to queue: draft, approve, schedule, pause, resume, cancel."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, update
from sqlmodel import Session, col, select

from flashmail.audience.segment import Segment
from flashmail.briefs.embargo import require_lifted
from flashmail.errors import FlashmailError, WrongInput
from flashmail.message import Message
from flashmail.model import (
    AuditEntry,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
    Frequency,
    Link,
    Priority,
)
from flashmail.sending.approve.fresh import require_fresh_approval
from flashmail.sending.approve.link_checks import ask
from flashmail.sending.stored import embargo_of

#: From which status a campaign may come into another one.
MOVES = {
    CampaignStatus.DRAFT: {
        CampaignStatus.APPROVED,
        CampaignStatus.SCHEDULED,
        CampaignStatus.MISSED,
    },
    CampaignStatus.APPROVED: {CampaignStatus.DRAFT},
    CampaignStatus.SCHEDULED: {CampaignStatus.APPROVED, CampaignStatus.MISSED},
    CampaignStatus.SENDING: {
        CampaignStatus.SCHEDULED,
        CampaignStatus.PAUSED,
        CampaignStatus.SENT,  # when a person has what failed tried again
    },
    CampaignStatus.MISSED: {CampaignStatus.SCHEDULED},
    CampaignStatus.PAUSED: {CampaignStatus.SENDING},
    CampaignStatus.SENT: {CampaignStatus.SENDING},
    CampaignStatus.CANCELLED: {
        CampaignStatus.DRAFT,
        CampaignStatus.APPROVED,
        CampaignStatus.SCHEDULED,
        CampaignStatus.MISSED,
        CampaignStatus.SENDING,
        CampaignStatus.PAUSED,
    },
}


class CampaignMoved(WrongInput):
    """The campaign is past the point where this can be done."""


class NoSuchCampaign(WrongInput):
    """There is no campaign of this number."""


class NotWhatWasApproved(FlashmailError):
    """The campaign differs from what its approver saw."""


@dataclass(frozen=True)
class CampaignContent:
    """Everything that a campaign will say, and to whom.

    `destinations` are where its links lead, in the order of their numbers from 1.
    """

    message: Message
    segment: Segment
    topics: tuple[str, ...]
    template: str
    priority: Priority = Priority.NORMAL
    destinations: tuple[str, ...] = ()
    frequency: Frequency = Frequency.INSTANT

    @property
    def digest(self) -> str:
        """The SHA-256 of all that an approval binds."""
        content: list[Any] = [
            self.message.subject,
            self.message.html,
            self.message.text,
            self.message.headers,
            self.message.envelope_sender,
            self.segment.as_json(),
            self.topics,
            self.destinations,
            int(self.priority),
            self.frequency,
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def draft(
    session: Session,
    what: CampaignContent,
    *,
    brief_id: int | None,
    who: str = "",
    now: datetime,
) -> Campaign:
    """Freeze the message exactly as it was rendered, ready for approval."""
    campaign = Campaign(
        brief_id=brief_id,
        template=what.template,
        priority=what.priority,
        frequency=what.frequency,
        created_at=now,
        created_by=who,
        **said(what),
    )
    session.add(campaign)
    session.flush()
    assert campaign.id is not None
    fix_links(session, campaign.id, what.destinations)
    ask(session, what.destinations, now=now)
    return campaign


def said(what: CampaignContent) -> dict[str, Any]:
    """Return the columns that hold what a campaign says, and to whom."""
    return {
        "audience": what.segment.as_json(),
        "topics": list(what.topics),
        "subject": what.message.subject,
        "html": what.message.html,
        "text": what.message.text,
        "headers": [list(header) for header in what.message.headers],
        "envelope_sender": what.message.envelope_sender,
        "message_digest": what.digest,
    }


def fix_links(session: Session, campaign_id: int, destinations: Iterable[str]) -> None:
    for number, url in enumerate(destinations, start=1):
        session.add(Link(campaign_id=campaign_id, number=number, url=url))


def frozen(session: Session, campaign: Campaign) -> CampaignContent:
    """Return what a campaign says, as it stands in the tables."""
    links = select(Link).where(Link.campaign_id == campaign.id)
    urls = [each.url for each in session.exec(links.order_by(col(Link.number)))]
    return CampaignContent(
        message=message_of(campaign),
        segment=Segment.from_json(campaign.audience),
        topics=tuple(campaign.topics),
        template=campaign.template,
        priority=Priority(campaign.priority),
        destinations=tuple(urls),
        frequency=campaign.frequency,
    )


def message_of(campaign: Campaign) -> Message:
    return Message(
        subject=campaign.subject,
        html=campaign.html,
        text=campaign.text,
        headers=tuple((name, value) for name, value in campaign.headers),
        envelope_sender=campaign.envelope_sender,
    )


def approve(
    session: Session, campaign_id: int, digest: str, *, who: str, now: datetime
) -> None:
    """Let a draft be scheduled; `digest` is that of what the approver has seen."""
    campaign = find(session, campaign_id)
    if frozen(session, campaign).digest != digest:
        raise NotWhatWasApproved(
            f"campaign {campaign_id} was changed since it was looked at: look again"
        )
    moved(
        session,
        campaign_id,
        CampaignStatus.APPROVED,
        approved_by=who,
        approved_at=now,
        approved_digest=digest,
    )
    log_campaign(session, campaign_id, "approve", who=who, now=now, digest=digest)


def schedule(
    session: Session, campaign_id: int, at: datetime, *, who: str, now: datetime
) -> None:
    """Put an approved campaign into the queue for its time, after its embargo."""
    campaign = find(session, campaign_id)
    require_lifted(embargo_of(session, campaign), at=at)
    require_fresh_approval(campaign, now=now)
    moved(session, campaign_id, CampaignStatus.SCHEDULED, send_at=at, note="")
    log_campaign(session, campaign_id, "schedule", who=who, now=now, at=at.isoformat())


def take_back(session: Session, campaign_id: int, *, who: str, now: datetime) -> None:
    """Make a draft again of what has not begun; its approval is void."""
    moved(
        session,
        campaign_id,
        CampaignStatus.DRAFT,
        approved_by="",
        approved_at=None,
        approved_digest="",
        rehearsal_id=None,
        send_at=None,
        note="",
    )
    log_campaign(session, campaign_id, "take back", who=who, now=now)


def pause(
    session: Session, campaign_id: int, *, who: str, now: datetime, note: str = ""
) -> None:
    """Stop after the batches in hand."""
    moved(session, campaign_id, CampaignStatus.PAUSED, note=note)
    log_campaign(session, campaign_id, "pause", who=who, now=now, note=note)


def resume(session: Session, campaign_id: int, *, who: str, now: datetime) -> None:
    """Go on where a paused campaign stopped."""
    _require(session, campaign_id, CampaignStatus.PAUSED, "resume")
    moved(session, campaign_id, CampaignStatus.SENDING, note="")
    log_campaign(session, campaign_id, "resume", who=who, now=now)


def cancel(session: Session, campaign_id: int, *, who: str, now: datetime) -> None:
    """Send nothing more; what is in hand right now still goes out."""
    moved(session, campaign_id, CampaignStatus.CANCELLED, finished_at=now)
    session.execute(
        update(Delivery)
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state) == DeliveryState.QUEUED)
        .values(state=DeliveryState.CANCELLED, at=now, reason=f"cancelled by {who}")
    )
    log_campaign(session, campaign_id, "cancel", who=who, now=now)


def find(session: Session, campaign_id: int) -> Campaign:
    """Return a campaign, or say that there is none of this number."""
    campaign = session.get(Campaign, campaign_id)
    if campaign is None:
        raise NoSuchCampaign(f"there is no campaign {campaign_id}")
    return campaign


def moved(
    session: Session, campaign_id: int, status: CampaignStatus, **values: object
) -> None:
    """Bring a campaign into a status, if it may come there from where it is now."""
    change = (
        update(Campaign)
        .where(col(Campaign.id) == campaign_id)
        .where(col(Campaign.status).in_(MOVES[status]))
        .values(status=status, **values)
        .execution_options(synchronize_session="fetch")
    )
    result = session.execute(change)
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        here = find(session, campaign_id).status
        raise CampaignMoved(
            f"campaign {campaign_id} is {here}, so it cannot be {status}"
        )


def log_campaign(
    session: Session,
    campaign_id: int,
    action: str,
    *,
    who: str,
    now: datetime,
    **detail: object,
) -> None:
    """Add to the audit log what somebody did to a campaign."""
    subject = f"campaign {campaign_id}"
    session.add(
        AuditEntry(at=now, who=who, action=action, subject=subject, detail=detail)
    )


def _require(
    session: Session, campaign_id: int, status: CampaignStatus, verb: str
) -> None:
    here = find(session, campaign_id).status
    if here is not status:
        raise CampaignMoved(f"campaign {campaign_id} is {here}: nothing to {verb}")
