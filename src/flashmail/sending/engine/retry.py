"""Retry: what failed, but not for good, is queued again when a person says so."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, and_, col, exists, func, select

from flashmail.model import (
    Batch,
    BatchState,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
)
from flashmail.sending.campaigns import CampaignMoved, find, log_campaign, moved
from flashmail.sending.engine.claim import changed


def retry(
    session: Session, campaign_id: int, *, unknown: bool, who: str, now: datetime
) -> int:
    """Queue again what may be retried of a campaign; return how many that are.

    That is what failed through no fault of its address: it was put off for too long, or
    blocked. With `unknown` also what is unknown, of which some may get a second copy.
    """
    require_open(session, campaign_id)
    count = _queue(session, campaign_id, DeliveryState.FAILED, now)
    if unknown:
        count += _queue(session, campaign_id, DeliveryState.UNKNOWN, now)
    if count:
        reopen(session, campaign_id, now=now)
        log_campaign(
            session,
            campaign_id,
            "retry",
            who=who,
            now=now,
            queued=count,
            with_unknown=unknown,
        )
    return count


def require_open(session: Session, campaign_id: int) -> None:
    """Refuse to send more of what was cancelled, or of what was corrected since."""
    if find(session, campaign_id).status is CampaignStatus.CANCELLED:
        raise CampaignMoved(f"campaign {campaign_id} is cancelled: nothing to retry")
    if _corrected(session, campaign_id):
        raise CampaignMoved(f"campaign {campaign_id} was corrected: send that instead")


def _corrected(session: Session, campaign_id: int) -> bool:
    unheard = and_(
        col(Campaign.status) == CampaignStatus.CANCELLED,
        col(Campaign.started_at).is_(None),
    )
    rows = select(Campaign.id).where(Campaign.corrects == campaign_id, ~unheard)
    return session.exec(rows.limit(1)).first() is not None


def retryable(session: Session, campaign_id: int) -> int:
    """Return how many failed, but not because of the address."""
    rows = select(func.count()).where(
        col(Delivery.campaign_id) == campaign_id,
        col(Delivery.state) == DeliveryState.FAILED,
        col(Delivery.retryable),
    )
    return session.scalar(rows) or 0


def reopen(session: Session, campaign_id: int, *, now: datetime) -> None:
    """Let a campaign's deliveries that are queued again be claimed."""
    _open_batches(session, campaign_id, now)
    if find(session, campaign_id).status is CampaignStatus.SENT:
        moved(
            session,
            campaign_id,
            CampaignStatus.SENDING,
            started_at=now,
            finished_at=None,
        )


def _queue(
    session: Session, campaign_id: int, state: DeliveryState, now: datetime
) -> int:
    rows = (col(Delivery.campaign_id) == campaign_id) & (col(Delivery.state) == state)
    if state is DeliveryState.FAILED:
        rows &= col(Delivery.retryable)
    queued = session.execute(
        update(Delivery)
        .where(rows)
        .values(state=DeliveryState.QUEUED, retryable=False, reason="", at=now)
        .execution_options(synchronize_session=False)
    )
    return changed(queued)


def _open_batches(session: Session, campaign_id: int, now: datetime) -> None:
    queued = exists().where(
        col(Delivery.campaign_id) == campaign_id,
        col(Delivery.subscriber_id).between(col(Batch.first), col(Batch.last)),
        col(Delivery.state) == DeliveryState.QUEUED,
    )
    session.execute(
        update(Batch)
        .where(col(Batch.campaign_id) == campaign_id)
        .where(col(Batch.state) == BatchState.DONE, queued)
        .values(state=BatchState.OPEN, ready_at=now)
        .execution_options(synchronize_session=False)
    )
