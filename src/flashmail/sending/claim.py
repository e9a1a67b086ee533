"""Claim: one worker takes the next batch, and with it whoever may still be mailed.

A batch belongs to the worker whose fence number it carries. Each claim adds one to it,
so that a worker which was thought dead and wakes up again can change nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, CursorResult, Engine, and_, null, update
from sqlmodel import Session, col, exists, select

from flashmail.database import transaction
from flashmail.message import fields
from flashmail.model import (
    Batch,
    BatchState,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
    Subscriber,
    SubscriberStatus,
    Suppression,
)
from flashmail.sending.instance import InstanceFence

#: How long a batch stays with a worker that shows no sign of life.
LEASE = timedelta(seconds=60)

#: Begins the name of a field that is filled from a reader's attributes.
ATTRIBUTE = "attribute:"


@dataclass(frozen=True)
class Reader:
    """What the tables know of somebody whose delivery was claimed.

    Of the attributes nothing is known where the mail has no use for them.
    """

    subscriber_id: int
    address: str
    name: str
    attributes: dict[str, Any]
    consent: bool | None = None  # to be watched


@dataclass(frozen=True)
class Claim:
    """A batch in one worker's hands, and the readers to be mailed out of it."""

    batch_id: int
    fence: int
    campaign: Campaign
    readers: tuple[Reader, ...]


def claim(
    engine: Engine,
    worker: str,
    *,
    journal: bool = False,
    fence: InstanceFence | None = None,
    now: datetime,
) -> Claim | None:
    """Take the next batch that is due, urgent ones first; None where there is none.

    `journal` says that the worker's marks will stand in its journal, not in the table.
    """
    with transaction(engine) as session:
        due = _next_due(session, now)
        if due is None or due.id is None:
            return None
        if not _take(session, due.id, worker, journal, now):
            return None
        claims = fence.count(session) if fence else 0
        held = _claimed(session, due, now)
    if fence:
        fence.note(claims)
    return held


def _claimed(session: Session, due: Batch, now: datetime) -> Claim:
    assert due.id is not None
    campaign = session.get_one(Campaign, due.campaign_id)
    _skip_who_left(session, due, now)
    used = fields(campaign.html) | fields(campaign.text)
    attributes = any(field.startswith(ATTRIBUTE) for field in used)
    readers = _claim_rows(session, due, now, attributes=attributes)
    return Claim(due.id, due.fence + 1, campaign, readers)


def in_range(batch: Batch) -> ColumnElement[bool]:
    """Return the condition that a delivery belongs to a batch."""
    return and_(
        col(Delivery.campaign_id) == batch.campaign_id,
        col(Delivery.subscriber_id).between(batch.first, batch.last),
    )


def changed(result: object) -> int:
    """Return how many rows an UPDATE met."""
    assert isinstance(result, CursorResult)
    return result.rowcount


def _next_due(session: Session, now: datetime) -> Batch | None:
    return session.exec(
        select(Batch)
        .join(Campaign)
        .where(Batch.state == BatchState.OPEN, Batch.ready_at <= now)
        .where(Campaign.status == CampaignStatus.SENDING)
        .order_by(
            col(Campaign.priority).desc(),
            col(Campaign.send_at),
            col(Batch.campaign_id),
            col(Batch.id),
        )
        .limit(1)
        .with_for_update(skip_locked=True, of=Batch)
    ).first()


def _take(
    session: Session, batch_id: int, worker: str, journal: bool, now: datetime
) -> bool:
    taken = session.execute(
        update(Batch)
        .where(col(Batch.id) == batch_id, col(Batch.state) == BatchState.OPEN)
        .values(
            state=BatchState.CLAIMED,
            worker=worker,
            journal=journal,
            lease_until=now + LEASE,
            fence=col(Batch.fence) + 1,
        )
        .execution_options(synchronize_session=False)
    )
    return changed(taken) == 1


def _skip_who_left(session: Session, batch: Batch, now: datetime) -> None:
    """Leave out whoever may not be mailed any more since the campaign was addressed."""
    mailable = (
        select(Subscriber.id)
        .where(col(Subscriber.id).between(batch.first, batch.last))
        .where(col(Subscriber.status) == SubscriberStatus.ACTIVE)
        .where(~exists().where(col(Suppression.key) == col(Subscriber.key)))
    )
    session.execute(
        update(Delivery)
        .where(in_range(batch), col(Delivery.state) == DeliveryState.QUEUED)
        .where(col(Delivery.subscriber_id).not_in(mailable))
        .values(state=DeliveryState.SKIPPED, at=now, reason="left before it was sent")
        .execution_options(synchronize_session=False)
    )


def _claim_rows(
    session: Session, batch: Batch, now: datetime, *, attributes: bool
) -> tuple[Reader, ...]:
    """Take who is still queued; read their attributes if the mail has use for them."""
    session.execute(
        update(Delivery)
        .where(in_range(batch), col(Delivery.state) == DeliveryState.QUEUED)
        .values(
            state=DeliveryState.CLAIMED, at=now, attempts=col(Delivery.attempts) + 1
        )
        .execution_options(synchronize_session=False)
    )
    readers = (
        sqlalchemy.select(
            col(Subscriber.id),
            col(Subscriber.address),
            col(Subscriber.name),
            col(Subscriber.attributes) if attributes else null(),
            col(Subscriber.tracking_consent),
        )
        .join(Delivery, col(Delivery.subscriber_id) == col(Subscriber.id))
        .where(in_range(batch), col(Delivery.state) == DeliveryState.CLAIMED)
        .order_by(col(Subscriber.id))
    )
    return tuple(
        Reader(number, address, name, said or {}, consent)
        for number, address, name, said, consent in session.execute(readers)
    )
