"""What decides by which path a brief reaches one reader, looked up."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from flashmail.audience.paths import CAME_TO_NOTHING, CAP_HOURS, Habits, quickest
from flashmail.audience.segment import Segment
from flashmail.audience.select import bringing_ids
from flashmail.model import (
    Campaign,
    Delivery,
    Frequency,
    Rhythm,
    Subscriber,
    Subscription,
)


def habits_of(
    session: Session,
    person: Subscriber,
    segment: Segment,
    *,
    urgent: bool,
    now: datetime,
) -> Habits | None:
    """Return a reader's habits as to what goes to a segment; None if nothing follows.

    Who gets it without following a topic reads it at once.
    """
    assert person.id is not None
    frequency = Frequency.INSTANT
    if segment.bringing:
        following = (
            select(Subscription.frequency)
            .where(Subscription.subscriber_id == person.id)
            .where(
                col(Subscription.topic_id).in_(bringing_ids(session, segment.bringing))
            )
        )
        found = set(session.exec(following))
        if not found:
            return None
        frequency = next(each for each in quickest(urgent=urgent) if each in found)
    rhythm = session.get(Rhythm, person.id) or Rhythm(subscriber_id=person.id)
    return Habits(
        frequency,
        person.time_zone,
        rhythm.paused_until,
        rhythm.quiet,
        rhythm.cap,
        rhythm.urgent_anyway,
        0 if rhythm.cap is None else _lately(session, person.id, now),
    )


def _lately(session: Session, subscriber_id: int, now: datetime) -> int:
    """Return how many mails a reader was sent within the hours that a limit counts."""
    since = now - timedelta(hours=CAP_HOURS)
    counted = (
        select(func.count())
        .select_from(Delivery)
        .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
        .where(col(Delivery.subscriber_id) == subscriber_id)
        .where(col(Delivery.state).not_in(CAME_TO_NOTHING))
        .where(col(Campaign.started_at) > since)
    )
    return session.exec(counted).one()
