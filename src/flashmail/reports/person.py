"""What became of a campaign for one person."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from flashmail.audience.addresses import parse_address
from flashmail.audience.reasons import Reason, why
from flashmail.audience.segment import Segment
from flashmail.model import (
    Campaign,
    Delivery,
    Event,
    EventKind,
    Owed,
    Priority,
    Subscriber,
)
from flashmail.reports.owed import fate_of_owed

#: What is said of somebody to whom a campaign was never addressed.
NOT_MEANT = "not addressed"


@dataclass(frozen=True)
class Account:
    """Whether somebody got a campaign, what they did, and whether they would now."""

    address: str
    subscriber_id: int | None
    state: str
    reason: str
    events: tuple[Event, ...]
    now: Reason


def account(session: Session, campaign: Campaign, address: str) -> Account:
    """Say why somebody did or did not get it. Raises WrongInput for no address."""
    told = fate(session, campaign, address)
    key = parse_address(address.strip()).key
    person = session.exec(select(Subscriber).where(Subscriber.key == key)).first()
    events = select(Event).where(
        Event.campaign_id == campaign.id,
        col(Event.kind).in_(list(EventKind)),  # as the index has it
        Event.subscriber_id == (person.id if person else None),
    )
    segment = Segment.from_json(campaign.audience)
    urgent = campaign.priority == Priority.URGENT
    return Account(
        address=key,
        subscriber_id=person.id if person else None,
        state=told["state"],
        reason=told["reason"],
        events=tuple(session.exec(events.order_by(col(Event.at)))),
        now=why(session, address, segment, urgent=urgent, now=datetime.now(UTC)),
    )


def fate(session: Session, campaign: Campaign, address: str) -> dict[str, Any]:
    """Return {"campaign", "state", "reason"}: the delivery of this campaign to them."""
    key = parse_address(address.strip()).key
    row = session.exec(
        select(Delivery)
        .join(Subscriber, col(Subscriber.id) == col(Delivery.subscriber_id))
        .where(Delivery.campaign_id == campaign.id, Subscriber.key == key)
    ).one_or_none()
    if row is not None:
        return {"campaign": campaign.id, "state": row.state, "reason": row.reason}
    owed = session.exec(
        select(Owed)
        .join(Subscriber, col(Subscriber.id) == col(Owed.subscriber_id))
        .where(Owed.campaign_id == campaign.id, Subscriber.key == key)
    ).one_or_none()
    if owed is not None:
        return {"campaign": campaign.id, **fate_of_owed(session, owed)}
    reason = "was not in the audience when it began"
    return {"campaign": campaign.id, "state": NOT_MEANT, "reason": reason}
