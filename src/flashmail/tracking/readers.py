"""What readers do with the links in their mail: where these lead, and how to leave."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, select

from flashmail.audience.consent import Where, agreed
from flashmail.audience.preferences import unfollow
from flashmail.links import Purpose, Tokens
from flashmail.model import (
    ConsentKind,
    EventKind,
    Link,
    Subscriber,
    SubscriberStatus,
)
from flashmail.tracking.record import record, suppress
from flashmail.tracking.told import Told

#: The version of what the page says that is shown to who wants to leave.
WORDING = "unsubscribe 1"


def destinations(session: Session, campaign_id: int) -> dict[int, str]:
    """Return where the links of a campaign lead, by their numbers.

    They were fixed when the campaign was approved: nothing in the address that was
    called decides where somebody is taken.
    """
    found = select(Link).where(Link.campaign_id == campaign_id)
    return {link.number: link.url for link in session.exec(found)}


def whose(tokens: Tokens, token: str) -> int:
    """Return the number of the reader who may leave by a token, or raise BadToken."""
    return tokens.read(Purpose.LEAVE, token)[1]


def unfollowed(
    session: Session,
    tokens: Tokens,
    token: str,
    topic_ids: Iterable[int],
    *,
    now: datetime,
) -> None:
    """Let the reader of a delivery follow some topics no longer."""
    campaign_id, subscriber_id = tokens.read(Purpose.LEAVE, token)
    if session.get(Subscriber, subscriber_id) is not None:
        where = Where(WORDING, f"the link in campaign {campaign_id}")
        unfollow(session, subscriber_id, topic_ids, where=where, now=now)


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
    person = session.get(Subscriber, subscriber_id)
    if person is not None and person.status is not SubscriberStatus.UNSUBSCRIBED:
        where = Where(WORDING, f"the link in campaign {campaign_id}")
        agreed(session, subscriber_id, ConsentKind.LEAVE, where, now=now)
    suppress(
        session,
        subscriber_id,
        SubscriberStatus.UNSUBSCRIBED,
        now=now,
        detail=f"by the link in campaign {campaign_id}",
    )
