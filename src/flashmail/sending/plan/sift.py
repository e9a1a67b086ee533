"""Sift: of what is owed, leave out what its reader does not want any more, and say why.

What was asked for meanwhile counts, not what was asked for when the brief was sent.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlmodel import Session, col

from flashmail.audience.segment import Segment
from flashmail.audience.select import bringing_ids, mailable, of_topics
from flashmail.briefs.embargo import lifted
from flashmail.model import (
    Campaign,
    Frequency,
    LeftOut,
    Owed,
    OwedState,
    Priority,
    Rhythm,
    Subscriber,
    Subscription,
)
from flashmail.sending.approve.story import latest
from flashmail.sending.stored import embargo_of


def sift(session: Session, occurrence_ids: Sequence[int], *, now: datetime) -> None:
    """Leave out what cannot, or need not, go out at these moments."""
    if not occurrence_ids:
        return
    due = col(Owed.occurrence_id).in_(occurrence_ids)
    _leave_out(session, LeftOut.GONE, due, _gone(), now=now)
    _leave_out(session, LeftOut.PAUSED, due, _rests(now), now=now)
    owed = select(col(Owed.campaign_id)).where(due).distinct()
    for campaign in session.scalars(select(Campaign).where(col(Campaign.id).in_(owed))):
        theirs = col(Owed.campaign_id) == campaign.id
        form = latest(session, campaign)
        if form is None:
            _leave_out(session, LeftOut.WITHDRAWN, due, theirs, now=now)
        elif not lifted(embargo_of(session, form), now=now):
            _put_off(session, due, theirs)
        elif Segment.from_json(campaign.audience).bringing:
            unfollowed = ~col(Owed.subscriber_id).in_(_followers(session, campaign))
            _leave_out(session, LeftOut.UNFOLLOWED, due, theirs, unfollowed, now=now)


def _leave_out(
    session: Session, reason: LeftOut, *which: ColumnElement[bool], now: datetime
) -> None:
    session.execute(
        update(Owed)
        .where(col(Owed.state) == OwedState.WAITING, *which)
        .values(state=OwedState.LEFT_OUT, reason=reason, at=now)
        .execution_options(synchronize_session=False)
    )


def _put_off(session: Session, *which: ColumnElement[bool]) -> None:
    session.execute(
        update(Owed)
        .where(col(Owed.state) == OwedState.WAITING, *which)
        .values(occurrence_id=None)
        .execution_options(synchronize_session=False)
    )


def _gone() -> ColumnElement[bool]:
    return ~col(Owed.subscriber_id).in_(select(col(Subscriber.id)).where(*mailable()))


def _rests(now: datetime) -> ColumnElement[bool]:
    resting = select(col(Rhythm.subscriber_id)).where(col(Rhythm.paused_until) > now)
    return col(Owed.subscriber_id).in_(resting)


def _followers(session: Session, campaign: Campaign) -> ColumnElement[int]:
    """Return who follows any of a campaign's topics, and would read it in a digest."""
    segment = Segment.from_json(campaign.audience)
    following = select(col(Subscription.subscriber_id)).where(
        of_topics(bringing_ids(session, segment.bringing))
    )
    if campaign.priority != Priority.URGENT:
        following = following.where(col(Subscription.frequency) != Frequency.URGENT)
    return following.scalar_subquery()
