"""From brief to queue: draft, approve, schedule, pause, resume, cancel."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, Engine, update
from sqlmodel import Session, col

from flashmail import audit
from flashmail.briefs import Brief
from flashmail.briefs.brief import require_lifted
from flashmail.campaigns import briefs
from flashmail.campaigns.briefs import embargo_of
from flashmail.campaigns.content import CampaignContent, load_content
from flashmail.campaigns.content import create_campaign as campaigns_draft
from flashmail.database import get_or_raise, transaction
from flashmail.errors import CampaignNotFound, FlashmailError, WrongInput
from flashmail.model import Campaign, CampaignStatus, Delivery, DeliveryState, DryRun

#: After that the world is another one: readers joined, and so did news.
HOLDS = timedelta(hours=24)


class TooOld(WrongInput):
    """It was looked at too long ago: somebody has to look again."""


def dry_run_is_old(dry_run: DryRun, *, now: datetime) -> bool:
    return now - dry_run.at > HOLDS


def approval_is_old(campaign: Campaign, *, now: datetime) -> bool:
    """Return whether an approval ran out: a day after it, or after its moment."""
    moments = [at for at in (campaign.approved_at, campaign.send_at) if at]
    return bool(moments) and now - max(moments) > HOLDS


def require_fresh_dry_run(dry_run: DryRun, *, now: datetime) -> None:
    if dry_run_is_old(dry_run, now=now):
        raise TooOld("this was rehearsed more than a day ago: rehearse it again")


def require_fresh_approval(campaign: Campaign, *, now: datetime) -> None:
    if approval_is_old(campaign, now=now):
        raise TooOld(
            f"the approval of campaign {campaign.id} ran out, a day after its time:"
            " make a draft of it again, rehearse it, and have it approved"
        )


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


class InvalidTransition(WrongInput):
    """The campaign is past the point where this can be done."""


class NotWhatWasApproved(FlashmailError):
    """The campaign differs from what its approver saw."""


def approve(
    session: Session, campaign_id: int, content_hash: str, *, by: str, now: datetime
) -> None:
    """Let a draft be scheduled; `content_hash` is of what the approver has seen."""
    campaign = get_campaign(session, campaign_id)
    if load_content(session, campaign).content_hash != content_hash:
        raise NotWhatWasApproved(
            f"campaign {campaign_id} was changed since it was looked at: look again"
        )
    transition(
        session,
        campaign_id,
        CampaignStatus.APPROVED,
        approved_by=by,
        approved_at=now,
        approved_hash=content_hash,
    )
    audit.record(
        session,
        audit.of_campaign(campaign_id),
        "approve",
        by=by,
        now=now,
        content=content_hash,
    )


def schedule(
    session: Session, campaign_id: int, at: datetime, *, by: str, now: datetime
) -> None:
    """Put an approved campaign into the queue for its time, after its embargo."""
    campaign = get_campaign(session, campaign_id)
    require_lifted(embargo_of(session, campaign), at=at)
    require_fresh_approval(campaign, now=now)
    transition(session, campaign_id, CampaignStatus.SCHEDULED, send_at=at, note="")
    audit.record(
        session,
        audit.of_campaign(campaign_id),
        "schedule",
        by=by,
        now=now,
        at=at.isoformat(),
    )


def revoke_approval(
    session: Session, campaign_id: int, *, by: str, now: datetime
) -> None:
    """Make a draft again of what has not begun; its approval is void."""
    transition(
        session,
        campaign_id,
        CampaignStatus.DRAFT,
        approved_by="",
        approved_at=None,
        approved_hash="",
        dry_run_id=None,
        send_at=None,
        note="",
    )
    audit.record(session, audit.of_campaign(campaign_id), "take back", by=by, now=now)


def pause(
    session: Session, campaign_id: int, *, by: str, now: datetime, note: str = ""
) -> None:
    """Stop after the batches in hand."""
    transition(session, campaign_id, CampaignStatus.PAUSED, note=note)
    audit.record(
        session, audit.of_campaign(campaign_id), "pause", by=by, now=now, note=note
    )


def resume(session: Session, campaign_id: int, *, by: str, now: datetime) -> None:
    """Go on where a paused campaign stopped."""
    _require(session, campaign_id, CampaignStatus.PAUSED, "resume")
    transition(session, campaign_id, CampaignStatus.SENDING, note="")
    audit.record(session, audit.of_campaign(campaign_id), "resume", by=by, now=now)


def cancel(session: Session, campaign_id: int, *, by: str, now: datetime) -> None:
    """Send nothing more; what is in hand right now still goes out."""
    transition(session, campaign_id, CampaignStatus.CANCELLED, finished_at=now)
    session.execute(
        update(Delivery)
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state) == DeliveryState.QUEUED)
        .values(
            state=DeliveryState.CANCELLED, state_since=now, reason=f"cancelled by {by}"
        )
    )
    audit.record(session, audit.of_campaign(campaign_id), "cancel", by=by, now=now)


def get_campaign(session: Session, campaign_id: int) -> Campaign:
    """Return a campaign, or say that there is none of this number."""
    words = f"there is no campaign {campaign_id}"
    return get_or_raise(session, Campaign, campaign_id, CampaignNotFound, words)


def transition(
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
        here = get_campaign(session, campaign_id).status
        raise InvalidTransition(
            f"campaign {campaign_id} is {here}, so it cannot be {status}"
        )


def _require(
    session: Session, campaign_id: int, status: CampaignStatus, verb: str
) -> None:
    here = get_campaign(session, campaign_id).status
    if here is not status:
        raise InvalidTransition(f"campaign {campaign_id} is {here}: nothing to {verb}")


def launch(
    engine: Engine,
    brief: Brief,
    what: CampaignContent,
    moment: datetime,
    *,
    also: Callable[[Session, Campaign], None] = lambda session, campaign: None,
    by: str,
    now: datetime,
) -> int:
    """Freeze, approve and schedule a draft that somebody has agreed to.

    Returns the campaign's number. All of it is kept, or none, with whatever `also` has
    to note about the campaign.
    """
    with transaction(engine) as session:
        brief_id = briefs.store_brief_once(session, brief, now=now)
        campaign = campaigns_draft(session, what, brief_id=brief_id, by=by, now=now)
        assert campaign.id is not None
        also(session, campaign)
        approve(session, campaign.id, what.content_hash, by=by, now=now)
        schedule(session, campaign.id, moment, by=by, now=now)
        return campaign.id
