"""What became of a campaign for one person."""

from typing import Any

from sqlmodel import Session, col, select

from flashmail.audience.addresses import parse_address
from flashmail.model import Campaign, Delivery, Subscriber

#: What is said of somebody to whom a campaign was never addressed.
NOT_MEANT = "not addressed"


def fate(session: Session, campaign: Campaign, address: str) -> dict[str, Any]:
    """Return {"campaign", "state", "reason"}: the delivery of this campaign to them."""
    key = parse_address(address).key
    row = session.exec(
        select(Delivery)
        .join(Subscriber, col(Subscriber.id) == col(Delivery.subscriber_id))
        .where(Delivery.campaign_id == campaign.id, Subscriber.key == key)
    ).one_or_none()
    return {
        "campaign": campaign.id,
        "state": row.state.value if row else NOT_MEANT,
        "reason": row.reason if row else "was not in the audience when it began",
    }
