"""What nobody knows: mails that were perhaps handed over, and of which no word came."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col, func

from flashmail.model import Campaign, Delivery, DeliveryState, Subscriber

#: After so long later events settle next to nothing any more, and a person is asked.
ASKS_AFTER = timedelta(hours=72)

#: Campaigns that are looked at: of older ones nobody asks any more.
LOOKED_AT = timedelta(days=90)


@dataclass(frozen=True)
class Unknown:
    """One mail of which it is not known whether its reader got it."""

    campaign_id: int
    subject: str
    subscriber_id: int
    address: str
    since: datetime
    reason: str


@dataclass(frozen=True)
class Question:
    """A campaign that asks a person: so many of its mails have long been unknown."""

    campaign_id: int
    subject: str
    mails: int
    since: datetime


def unknown(
    session: Session,
    *,
    now: datetime,
    after: timedelta = ASKS_AFTER,
    campaign_id: int | None = None,
) -> Iterator[Unknown]:
    """Yield what has been unknown for so long, campaign by campaign."""
    wanted = (
        select(
            col(Campaign.id),
            col(Campaign.subject),
            col(Delivery.subscriber_id),
            func.coalesce(Subscriber.address, ""),
            col(Delivery.at),
            col(Delivery.reason),
        )
        .join(Delivery, col(Delivery.campaign_id) == col(Campaign.id))
        .outerjoin(Subscriber, col(Subscriber.id) == col(Delivery.subscriber_id))
        .where(col(Campaign.started_at) > now - LOOKED_AT)
        .where(col(Delivery.state) == DeliveryState.UNKNOWN)
        .where(col(Delivery.at) <= now - after)
        .order_by(col(Campaign.id), col(Delivery.subscriber_id))
        .execution_options(yield_per=1000)
    )
    if campaign_id is not None:
        wanted = wanted.where(col(Campaign.id) == campaign_id)
    for row in session.execute(wanted):
        yield Unknown(*row)


def questions(
    session: Session, *, now: datetime, after: timedelta = ASKS_AFTER
) -> list[Question]:
    """Return the campaigns that ask a person what to do about unknown mails.

    They may be tried again, at the risk of a second copy (`sending.engine.retry`), or
    left be (`sending.engine.settle`).
    """
    wanted = (
        select(
            col(Campaign.id),
            col(Campaign.subject),
            func.count(),
            func.min(Delivery.at),
        )
        .join(Delivery, col(Delivery.campaign_id) == col(Campaign.id))
        .where(col(Campaign.started_at) > now - LOOKED_AT)
        .where(col(Delivery.state) == DeliveryState.UNKNOWN)
        .where(col(Delivery.at) <= now - after)
        .group_by(col(Campaign.id), col(Campaign.subject))
        .order_by(col(Campaign.id))
    )
    return [Question(*row) for row in session.execute(wanted)]
