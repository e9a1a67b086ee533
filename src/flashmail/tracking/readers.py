"""What readers do with the links in their mail: open, click, leave."""

from datetime import datetime

from sqlmodel import Session

from flashmail.links import Purpose, Tokens
from flashmail.model import Event, EventKind, Link, SubscriberStatus
from flashmail.tracking.record import record, suppress


def opened(session: Session, tokens: Tokens, token: str, *, now: datetime) -> None:
    """Note that the pixel of a delivery was fetched, once a minute at most."""
    _note(session, tokens, token, EventKind.OPENED, now=now)


def clicked(
    session: Session, tokens: Tokens, token: str, number: int, *, now: datetime
) -> str | None:
    """Note a click and return where the link leads; None if there is no such link.

    Destinations were fixed when the campaign was approved: nothing in the address that
    was called decides where somebody is taken.
    """
    campaign_id, _ = tokens.read(Purpose.WATCH, token)
    link = session.get(Link, (campaign_id, number))
    if link is None:
        return None
    _note(session, tokens, token, EventKind.CLICKED, now=now, link=number)
    return link.url


def left(session: Session, tokens: Tokens, token: str, *, now: datetime) -> None:
    """Unsubscribe the reader of a delivery from everything. Twice is once.

    The suppression does not hang on the delivery: it holds when the campaign is gone.
    """
    campaign_id, subscriber_id = tokens.read(Purpose.LEAVE, token)
    event = Event(
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


def _note(
    session: Session,
    tokens: Tokens,
    token: str,
    kind: EventKind,
    *,
    now: datetime,
    link: int | None = None,
) -> None:
    campaign_id, subscriber_id = tokens.read(Purpose.WATCH, token)
    minute = now.strftime("%Y%m%d%H%M")
    event = Event(
        key=f"{kind}:{campaign_id}:{subscriber_id}:{link or 0}:{minute}",
        campaign_id=campaign_id,
        subscriber_id=subscriber_id,
        kind=kind,
        at=now,
        recorded_at=now,
        link=link,
    )
    record(session, [event])
