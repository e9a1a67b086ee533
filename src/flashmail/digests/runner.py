"""Digests: when a moment has come, what is owed then goes out, one mail to a person.

Readers who are owed the same briefs share one campaign, which goes the way of every
other one: frozen, approved, claimed, at most once.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, update
from sqlalchemy import select as select_sift
from sqlmodel import Session, col, exists, select

from flashmail.audience.segment import Segment
from flashmail.audience.selection import bringing_ids, mailable, of_topics
from flashmail.briefs.brief import lifted
from flashmail.campaigns import lifecycle
from flashmail.campaigns.briefs import embargo_of, latest
from flashmail.campaigns.content import CampaignContent
from flashmail.campaigns.content import draft as campaigns_draft
from flashmail.campaigns.content import frozen as campaigns_frozen
from flashmail.database import changed, reading, transaction
from flashmail.digests.composing import Digest, Parcel, content, parcels
from flashmail.digests.schedules import seat, unseat
from flashmail.errors import FlashmailError
from flashmail.model import (
    Campaign,
    Frequency,
    LeftOut,
    Occurrence,
    OccurrenceStatus,
    Owed,
    OwedState,
    Path,
    Priority,
    Rhythm,
    Subscriber,
    Subscription,
)


def sift(session: Session, occurrence_ids: Sequence[int], *, now: datetime) -> None:
    """Leave out what cannot, or need not, go out at these moments."""
    if not occurrence_ids:
        return
    due = col(Owed.occurrence_id).in_(occurrence_ids)
    _leave_out(session, LeftOut.GONE, due, _gone(), now=now)
    _leave_out(session, LeftOut.PAUSED, due, _rests(now), now=now)
    owed = select_sift(col(Owed.campaign_id)).where(due).distinct()
    for campaign in session.scalars(
        select_sift(Campaign).where(col(Campaign.id).in_(owed))
    ):
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
    return ~col(Owed.subscriber_id).in_(
        select_sift(col(Subscriber.id)).where(*mailable())
    )


def _rests(now: datetime) -> ColumnElement[bool]:
    resting = select_sift(col(Rhythm.subscriber_id)).where(
        col(Rhythm.paused_until) > now
    )
    return col(Owed.subscriber_id).in_(resting)


def _followers(session: Session, campaign: Campaign) -> ColumnElement[int]:
    """Return who follows any of a campaign's topics, and would read it in a digest."""
    segment = Segment.from_json(campaign.audience)
    following = select_sift(col(Subscription.subscriber_id)).where(
        of_topics(bringing_ids(session, segment.bringing))
    )
    if campaign.priority != Priority.URGENT:
        following = following.where(col(Subscription.frequency) != Frequency.URGENT)
    return following.scalar_subquery()


logger = logging.getLogger(__name__)

#: Makes the mail of a digest out of its briefs.
Make = Callable[[Digest], CampaignContent]

#: What was held back for a night is still news some hours later; a digest that is late
#: waits for the next one.
HELD_LATE = timedelta(hours=6)

#: People who are put into a campaign by one statement.
TOGETHER = 5_000


class Overtaken(Exception):
    """Another scheduler was quicker."""


def run_due(
    engine: Engine, make: Make, *, missed_after: timedelta, now: datetime
) -> list[int]:
    """Put what is due into the queue; return its campaigns' numbers.

    What an owed brief is part of is decided by its own row, which moves once: two
    schedulers, or one that died in between, put nothing into two campaigns. A moment
    that went by for longer than `missed_after` is written down as missed; its briefs
    are in the next digest.
    """
    if not _anything(engine, now):
        return []
    with transaction(engine) as session:
        _miss(session, missed_after, now)
        seat(session, now=now)
        due = _due(session, now)
        sift(session, due, now=now)
    begun = [_sent(engine, make, each, due, now) for each in parcels(engine, due)]
    with transaction(engine) as session:
        _close(session, due)
    return [each for each in begun if each is not None]


def _anything(engine: Engine, now: datetime) -> bool:
    """Whether a moment has come, or something has none yet; asked every second."""
    due = exists().where(*_has_come(now))
    unseated = exists().where(
        col(Owed.occurrence_id).is_(None), col(Owed.state) == OwedState.WAITING
    )
    with reading(engine) as session:
        return bool(session.scalar(select(due | unseated)))


def _has_come(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    waiting = col(Occurrence.status) == OccurrenceStatus.WAITING
    return waiting, col(Occurrence.at) <= now


def _due(session: Session, now: datetime) -> list[int]:
    come = select(Occurrence.id).where(*_has_come(now))
    return [each for each in session.exec(come) if each is not None]


def _miss(session: Session, missed_after: timedelta, now: datetime) -> None:
    for held in (False, True):
        late = max(missed_after, HELD_LATE) if held else missed_after
        missed = session.scalars(
            update(Occurrence)
            .where(col(Occurrence.status) == OccurrenceStatus.WAITING)
            .where((col(Occurrence.path) == Path.HELD) == held)
            .where(col(Occurrence.at) < now - late)
            .values(status=OccurrenceStatus.MISSED)
            .returning(col(Occurrence.id))
        ).all()
        unseat(session, [each for each in missed if each is not None])


def _sent(
    engine: Engine, make: Make, parcel: Parcel, due: Sequence[int], now: datetime
) -> int | None:
    """Put one parcel into the queue; None where that was not possible."""
    try:
        with reading(engine) as session:
            digest = content(session, parcel)
            alone = digest.alone
            what = campaigns_frozen(session, alone) if alone else None
        return _keep(engine, parcel, digest, what or make(digest), due, now)
    except Overtaken:
        return None
    except FlashmailError:
        # A digest that cannot be made must not stop whatever else is due.
        logger.exception("a digest cannot be made; its briefs wait for the next one")
        return None


def _keep(
    engine: Engine,
    parcel: Parcel,
    digest: Digest,
    what: CampaignContent,
    due: Sequence[int],
    now: datetime,
) -> int:
    with transaction(engine) as session:
        brief_id = digest.alone.brief_id if digest.alone else None
        campaign = campaigns_draft(session, what, brief_id=brief_id, now=now)
        assert campaign.id is not None
        campaign.planned = True
        if not _bundle(session, campaign.id, parcel, due, now):
            raise Overtaken
        who = digest.approved_by
        lifecycle.approve(session, campaign.id, what.digest, who=who, now=now)
        lifecycle.schedule(session, campaign.id, now, who=who, now=now)
        return campaign.id


def _bundle(
    session: Session,
    campaign_id: int,
    parcel: Parcel,
    due: Sequence[int],
    now: datetime,
) -> int:
    """Move what the parcel's people are owed into its campaign; return how much."""
    moved = 0
    for begin in range(0, len(parcel.people), TOGETHER):
        some = parcel.people[begin : begin + TOGETHER]
        moved += changed(
            session.execute(
                update(Owed)
                .where(col(Owed.subscriber_id).in_(some))
                .where(col(Owed.occurrence_id).in_(due))
                .where(col(Owed.state) == OwedState.WAITING)
                .values(state=OwedState.BUNDLED, bundle_id=campaign_id, at=now)
                .execution_options(synchronize_session=False)
            )
        )
    return moved


def _close(session: Session, due: Iterable[int]) -> None:
    """Say of each moment what became of it; what is still there waits for another."""
    for occurrence_id in due:
        states = set(
            session.exec(
                select(Owed.state).where(Owed.occurrence_id == occurrence_id).distinct()
            )
        )
        if OwedState.WAITING in states:
            status = OccurrenceStatus.MISSED
            unseat(session, [occurrence_id])
        elif OwedState.BUNDLED in states:
            status = OccurrenceStatus.BEGUN
        else:
            status = OccurrenceStatus.EMPTY
        session.execute(
            update(Occurrence)
            .where(col(Occurrence.id) == occurrence_id)
            .where(col(Occurrence.status) == OccurrenceStatus.WAITING)
            .values(status=status)
        )
