"""Address: a campaign whose time has come gets its deliveries, all at once or none."""

from datetime import datetime

from sqlalchemy import insert, literal, select
from sqlmodel import Session, col, func

from flashmail.audience.segment import Segment
from flashmail.audience.select import audience_query
from flashmail.model import (
    Batch,
    BatchState,
    Campaign,
    Delivery,
    DeliveryState,
    Priority,
)


def address(
    session: Session, campaign: Campaign, *, batch_size: int, now: datetime
) -> int:
    """Write a delivery for everyone whom the campaign means now; return how many.

    To be called in the transaction that moves the campaign to `sending`, which happens
    once: a kill in between leaves all of the rows or none.
    """
    assert campaign.id is not None
    meant = audience_query(
        session,
        Segment.from_json(campaign.audience),
        urgent=campaign.priority == Priority.URGENT,
        every=campaign.frequency,
    ).subquery()
    rows = select(
        literal(campaign.id),
        meant.c[0],
        literal(DeliveryState.QUEUED.value),
        literal(0),
        literal(""),
        literal(False),
        literal(now),
    )
    columns = [
        "campaign_id",
        "subscriber_id",
        "state",
        "attempts",
        "reason",
        "retryable",
        "at",
    ]
    session.execute(insert(Delivery).from_select(columns, rows))
    return _batch(session, campaign.id, batch_size, now)


def _batch(session: Session, campaign_id: int, size: int, now: datetime) -> int:
    """Cut the deliveries into ranges of subscriber ids; return how many there are."""
    place = func.row_number().over(order_by=col(Delivery.subscriber_id)) - 1
    numbered = (
        select(
            col(Delivery.subscriber_id).label("id"), (place // size).label("batch")
        ).where(col(Delivery.campaign_id) == campaign_id)
    ).subquery()
    ranges = (
        select(
            literal(campaign_id),
            func.min(numbered.c.id),
            func.max(numbered.c.id),
            literal(BatchState.OPEN.value),
            literal(now),
            literal(""),
            literal(False),
            literal(0),
        )
        .group_by(numbered.c.batch)
        .order_by(func.min(numbered.c.id))
    )
    columns = [
        "campaign_id",
        "first",
        "last",
        "state",
        "ready_at",
        "worker",
        "journal",
        "fence",
    ]
    session.execute(insert(Batch).from_select(columns, ranges))
    addressed = select(func.count()).where(col(Delivery.campaign_id) == campaign_id)
    return session.scalar(addressed) or 0
