"""What nobody knows: mails that were perhaps handed over, and of which no word came."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col, func
from sqlmodel import select as select_failures

from flashmail.model import Campaign, Delivery, DeliveryState, Subscriber

NOT_ARRIVED = (
    DeliveryState.BOUNCED,
    DeliveryState.FAILED,
    DeliveryState.UNKNOWN,
    DeliveryState.SKIPPED,
    DeliveryState.CANCELLED,
)

#: So many reasons are told; the others are added up.
REASONS_SHOWN = 20

OTHERS = "other reasons"

ADVICE = {
    DeliveryState.BOUNCED: "The address takes no mail: it is suppressed.",
    DeliveryState.UNKNOWN: (
        "Perhaps they got it. It is settled by later reports; trying again may send"
        " some a second copy."
    ),
    DeliveryState.SKIPPED: "They left, or were suppressed, before it was their turn.",
    DeliveryState.CANCELLED: "The campaign was cancelled before it was their turn.",
}


@dataclass(frozen=True)
class Failure:
    """So many deliveries came to this end for this reason."""

    state: DeliveryState
    reason: str
    people: int
    retryable: bool

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        if self.state is not DeliveryState.FAILED:
            return ADVICE[self.state]
        if self.retryable:
            return "It was not because of the address: trying again may help."
        return "Trying again would not help."


def retryable(session: Session, campaign_id: int) -> int:
    """Return how many failed through no fault of their address."""
    return session.exec(
        select_failures(func.count())
        .select_from(Delivery)
        .where(Delivery.campaign_id == campaign_id)
        .where(col(Delivery.state) == DeliveryState.FAILED, col(Delivery.retryable))
    ).one()


def failures(session: Session, campaign_id: int) -> list[Failure]:
    """Count what did not arrive by state and reason, the most frequent first."""
    people = func.count()
    rows = session.execute(
        select_failures(Delivery.state, Delivery.reason, Delivery.retryable, people)
        .where(Delivery.campaign_id == campaign_id)
        .where(col(Delivery.state).in_(NOT_ARRIVED))
        .group_by(col(Delivery.state), col(Delivery.reason), col(Delivery.retryable))
        .order_by(people.desc(), col(Delivery.state), col(Delivery.reason))
    )
    return shortened(
        [
            Failure(DeliveryState(state), reason, n, retryable)
            for state, reason, retryable, n in rows
        ]
    )


def shortened(found: list[Failure]) -> list[Failure]:
    """Keep the most frequent reasons, and add up the others by state."""
    rest: dict[tuple[DeliveryState, bool], int] = {}
    for each in found[REASONS_SHOWN:]:
        key = (each.state, each.retryable)
        rest[key] = rest.get(key, 0) + each.people
    return found[:REASONS_SHOWN] + [
        Failure(state, OTHERS, n, retryable) for (state, retryable), n in rest.items()
    ]


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
class UnknownMails:
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
            col(Delivery.state_since),
            col(Delivery.reason),
        )
        .join(Delivery, col(Delivery.campaign_id) == col(Campaign.id))
        .outerjoin(Subscriber, col(Subscriber.id) == col(Delivery.subscriber_id))
        .where(col(Campaign.started_at) > now - LOOKED_AT)
        .where(col(Delivery.state) == DeliveryState.UNKNOWN)
        .where(col(Delivery.state_since) <= now - after)
        .order_by(col(Campaign.id), col(Delivery.subscriber_id))
        .execution_options(yield_per=1000)
    )
    if campaign_id is not None:
        wanted = wanted.where(col(Campaign.id) == campaign_id)
    for row in session.execute(wanted):
        yield Unknown(*row)


def questions(
    session: Session, *, now: datetime, after: timedelta = ASKS_AFTER
) -> list[UnknownMails]:
    """Return the campaigns that ask a person what to do about unknown mails.

    They may be tried again, at the risk of a second copy (`delivery.intervention`), or
    left be (`delivery.intervention`).
    """
    wanted = (
        select(
            col(Campaign.id),
            col(Campaign.subject),
            func.count(),
            func.min(Delivery.state_since),
        )
        .join(Delivery, col(Delivery.campaign_id) == col(Campaign.id))
        .where(col(Campaign.started_at) > now - LOOKED_AT)
        .where(col(Delivery.state) == DeliveryState.UNKNOWN)
        .where(col(Delivery.state_since) <= now - after)
        .group_by(col(Campaign.id), col(Campaign.subject))
        .order_by(col(Campaign.id))
    )
    return [UnknownMails(*row) for row in session.execute(wanted)]
