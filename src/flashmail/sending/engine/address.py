"""Address: a campaign whose time has come gets its deliveries, all at once or none."""

from datetime import datetime

from sqlalchemy import CTE, insert, literal, select
from sqlmodel import Session, col, func

from flashmail.model import (
    Batch,
    BatchState,
    Campaign,
    Delivery,
    DeliveryState,
)
from flashmail.sending.engine.claim import changed
from flashmail.sending.plan.planner import by_rhythm, held_back, owe
from flashmail.sending.plan.seats import seat
from flashmail.sending.whom import whom


def address(
    session: Session, campaign: Campaign, *, batch_size: int, now: datetime
) -> int:
    """Write a delivery for everyone whom the campaign means now; return how many.

    To be called in the transaction that moves the campaign to `sending`, which happens
    once: a kill in between leaves all of the rows or none.
    """
    assert campaign.id is not None
    meant = whom(session, campaign).subquery()
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
    if by_rhythm(campaign):
        rows = rows.where(meant.c[0].not_in(held_back(session, campaign, now=now)))
    addressed = session.execute(
        insert(Delivery).from_select(columns, rows),
        execution_options={"preserve_rowcount": True},
    )
    if by_rhythm(campaign):
        owe(session, campaign, now=now)
        seat(session, now=now)
    _batch(session, campaign.id, batch_size, now)
    return changed(addressed)


def _batch(session: Session, campaign_id: int, size: int, now: datetime) -> None:
    """Cut the deliveries into ranges of subscriber ids."""
    firsts = _firsts(campaign_id, size)
    following = func.lead(firsts.c.first).over(order_by=firsts.c.first)
    ids = select(func.max(Delivery.subscriber_id))
    largest = ids.where(col(Delivery.campaign_id) == campaign_id).scalar_subquery()
    ranges = (
        select(
            literal(campaign_id),
            firsts.c.first,
            func.coalesce(following - 1, largest),
            literal(BatchState.OPEN.value),
            literal(now),
            literal(""),
            literal(False),
            literal(0),
        )
        .where(firsts.c.first.is_not(None))
        .order_by(firsts.c.first)
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


def _firsts(campaign_id: int, size: int) -> CTE:
    """Return every `size`-th subscriber id of a campaign's deliveries, and a NULL.

    In steps along the key: numbering all rows takes ten times as long.
    """
    subscriber_id = col(Delivery.subscriber_id)
    ours = col(Delivery.campaign_id) == campaign_id
    first = select(func.min(subscriber_id).label("first")).where(ours)
    firsts = first.cte("firsts", recursive=True)
    following = (
        select(subscriber_id)
        .where(ours, subscriber_id >= firsts.c.first)
        .order_by(subscriber_id)
        .offset(size)
        .limit(1)
        .scalar_subquery()
    )
    return firsts.union_all(select(following).where(firsts.c.first.is_not(None)))
