"""What readers do with the links in their mail: where these lead, and how to leave."""

from datetime import datetime

from sqlmodel import Session, select

from flashmail.links import Purpose, Tokens
from flashmail.model import EventKind, Link, SubscriberStatus
from flashmail.tracking.record import record, suppress
from flashmail.tracking.told import Told


def destinations(session: Session, campaign_id: int) -> dict[int, str]:
    """Return where the links of a campaign lead, by their numbers.

    They were fixed when the campaign was approved: nothing in the address that was
    called decides where somebody is taken.
    """
    found = select(Link).where(Link.campaign_id == campaign_id)
    return {link.number: link.url for link in session.exec(found)}


def left(session: Session, tokens: Tokens, token: str, *, now: datetime) -> None:
    """Unsubscribe the reader of a delivery from everything. Twice is once.

    The suppression does not hang on the delivery: it holds when the campaign is gone.
    """
    campaign_id, subscriber_id = tokens.read(Purpose.LEAVE, token)
    event = Told(
        key=f"unsubscribed:{campaign_id}:{subscriber_id}",
        campaign_id=campaign_id,
        subscriber_id=subscriber_id,
        kind=EventKind.UNSUBSCRIBED,
        at=now,
        recorded_at=now,
        detail="by the link in the mail",
    )
    record(session, [event])
    suppress(
        session,
        subscriber_id,
        SubscriberStatus.UNSUBSCRIBED,
        now=now,
        detail=f"by the link in campaign {campaign_id}",
    )
