"""Lone approvals: told to everybody at once, and looked at by somebody else later."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import CursorResult, update
from sqlmodel import Session, col, select

from flashmail.errors import WrongInput
from flashmail.links import Links
from flashmail.model import Campaign, LoneApproval
from flashmail.sending.campaigns import log_campaign
from flashmail.sending.letters import letters

TOLD = """{who} approved this campaign without a second person:

{subject}

The reason: {reason}

It can still be halted: {address}

Somebody else has to look at it afterwards, and say so there."""


class AlreadyReviewed(WrongInput):
    """Somebody has looked at it already, or it is one's own."""


def note(
    session: Session,
    campaign: Campaign,
    reason: str,
    *,
    told: Iterable[str],
    links: Links,
    who: str,
    now: datetime,
) -> None:
    """Keep that somebody approved alone, and tell everybody by mail."""
    assert campaign.id is not None
    kept = LoneApproval(campaign_id=campaign.id, who=who, reason=reason, at=now)
    session.add(kept)
    letters.tell(
        session,
        told,
        f"Approved alone: {campaign.subject}",
        TOLD.format(
            who=who,
            subject=campaign.subject,
            reason=reason,
            address=f"{links.base_url}/campaigns/{campaign.id}",
        ),
        who=who,
        now=now,
    )


def of(session: Session, campaign_id: int) -> LoneApproval | None:
    """Return the last lone approval of a campaign."""
    rows = select(LoneApproval).where(LoneApproval.campaign_id == campaign_id)
    return session.exec(rows.order_by(col(LoneApproval.id).desc()).limit(1)).first()


def unreviewed(session: Session) -> list[tuple[LoneApproval, str]]:
    """Return what nobody else has looked at yet, with the campaign's subject."""
    rows = session.execute(
        select(LoneApproval, col(Campaign.subject))
        .join(Campaign, col(Campaign.id) == col(LoneApproval.campaign_id))
        .where(col(LoneApproval.reviewed_at).is_(None))
        .order_by(col(LoneApproval.id))
    )
    return [(approval, subject) for approval, subject in rows]


def review(
    session: Session, approval_id: int, *, alone: bool, who: str, now: datetime
) -> None:
    """Tick a lone approval off. Nobody ticks their own, unless there is nobody else."""
    rows = (
        update(LoneApproval)
        .where(col(LoneApproval.id) == approval_id)
        .where(col(LoneApproval.reviewed_at).is_(None))
    )
    if not alone:
        rows = rows.where(col(LoneApproval.who) != who)
    result = session.execute(rows.values(reviewed_by=who, reviewed_at=now))
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise AlreadyReviewed("it was looked at already, or is your own")
    approval = session.get_one(LoneApproval, approval_id)
    log_campaign(session, approval.campaign_id, "review", who=who, now=now)
