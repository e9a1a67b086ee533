"""Digests: when a moment has come, what is owed then goes out, one mail to a person.

Readers of the same briefs share one campaign, which goes the way of every
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
from flashmail.campaigns.briefs import current_form, embargo_of
from flashmail.campaigns.content import CampaignContent
from flashmail.campaigns.content import create_campaign as campaigns_draft
from flashmail.campaigns.content import load_content as campaigns_frozen
from flashmail.database import reading, rows_changed, transaction
from flashmail.digests.composing import (
    DigestContent,
    ReaderGroup,
    content,
    group_readers,
)
from flashmail.digests.schedules import assign_editions, release_editions
from flashmail.errors import FlashmailError
from flashmail.model import (
    Campaign,
    DeliveryPreferences,
    DigestItem,
    DigestItemState,
    DropReason,
    Edition,
    EditionStatus,
    Frequency,
    Priority,
    Subscriber,
    Subscription,
    Timing,
)


def drop_unwanted(
    session: Session, edition_ids: Sequence[int], *, now: datetime
) -> None:
    """Leave out what cannot, or need not, go out at these moments."""
    if not edition_ids:
        return
    due = col(DigestItem.edition_id).in_(edition_ids)
    _leave_out(session, DropReason.GONE, due, _gone(), now=now)
    _leave_out(session, DropReason.PAUSED, due, _rests(now), now=now)
    owed = select_sift(col(DigestItem.campaign_id)).where(due).distinct()
    for campaign in session.scalars(
        select_sift(Campaign).where(col(Campaign.id).in_(owed))
    ):
        theirs = col(DigestItem.campaign_id) == campaign.id
        form = current_form(session, campaign)
        if form is None:
            _leave_out(session, DropReason.WITHDRAWN, due, theirs, now=now)
        elif not lifted(embargo_of(session, form), now=now):
            _put_off(session, due, theirs)
        elif Segment.from_json(campaign.audience).bringing:
            unfollowed = ~col(DigestItem.subscriber_id).in_(
                _followers(session, campaign)
            )
            _leave_out(session, DropReason.UNFOLLOWED, due, theirs, unfollowed, now=now)


def _leave_out(
    session: Session, reason: DropReason, *which: ColumnElement[bool], now: datetime
) -> None:
    session.execute(
        update(DigestItem)
        .where(col(DigestItem.state) == DigestItemState.WAITING, *which)
        .values(state=DigestItemState.DROPPED, reason=reason, state_since=now)
        .execution_options(synchronize_session=False)
    )


def _put_off(session: Session, *which: ColumnElement[bool]) -> None:
    session.execute(
        update(DigestItem)
        .where(col(DigestItem.state) == DigestItemState.WAITING, *which)
        .values(edition_id=None)
        .execution_options(synchronize_session=False)
    )


def _gone() -> ColumnElement[bool]:
    return ~col(DigestItem.subscriber_id).in_(
        select_sift(col(Subscriber.id)).where(*mailable())
    )


def _rests(now: datetime) -> ColumnElement[bool]:
    resting = select_sift(col(DeliveryPreferences.subscriber_id)).where(
        col(DeliveryPreferences.paused_until) > now
    )
    return col(DigestItem.subscriber_id).in_(resting)


def _followers(session: Session, campaign: Campaign) -> ColumnElement[int]:
    """Return the followers of a campaign's topics that would read it in a digest."""
    segment = Segment.from_json(campaign.audience)
    following = select_sift(col(Subscription.subscriber_id)).where(
        of_topics(bringing_ids(session, segment.bringing))
    )
    if campaign.priority != Priority.URGENT:
        following = following.where(col(Subscription.frequency) != Frequency.URGENT)
    return following.scalar_subquery()


logger = logging.getLogger(__name__)

#: Makes the mail of a digest out of its briefs.
Make = Callable[[DigestContent], CampaignContent]

#: What was held back for a night is still news some hours later; a digest that is late
#: waits for the next one.
HELD_LATE = timedelta(hours=6)

#: Readers that are put into a campaign by one statement.
TOGETHER = 5_000


class AlreadyTaken(Exception):
    """Another scheduler was quicker."""


def start_due_digests(
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
        assign_editions(session, now=now)
        due = _due(session, now)
        drop_unwanted(session, due, now=now)
    begun = [_sent(engine, make, each, due, now) for each in group_readers(engine, due)]
    with transaction(engine) as session:
        _close(session, due)
    return [each for each in begun if each is not None]


def _anything(engine: Engine, now: datetime) -> bool:
    """Whether a moment has come, or something has none yet; asked every second."""
    due = exists().where(*_has_come(now))
    unseated = exists().where(
        col(DigestItem.edition_id).is_(None),
        col(DigestItem.state) == DigestItemState.WAITING,
    )
    with reading(engine) as session:
        return bool(session.scalar(select(due | unseated)))


def _has_come(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    waiting = col(Edition.status) == EditionStatus.WAITING
    return waiting, col(Edition.at) <= now


def _due(session: Session, now: datetime) -> list[int]:
    come = select(Edition.id).where(*_has_come(now))
    return [each for each in session.exec(come) if each is not None]


def _miss(session: Session, missed_after: timedelta, now: datetime) -> None:
    for held in (False, True):
        late = max(missed_after, HELD_LATE) if held else missed_after
        missed = session.scalars(
            update(Edition)
            .where(col(Edition.status) == EditionStatus.WAITING)
            .where((col(Edition.timing) == Timing.HELD) == held)
            .where(col(Edition.at) < now - late)
            .values(status=EditionStatus.MISSED)
            .returning(col(Edition.id))
        ).all()
        release_editions(session, [each for each in missed if each is not None])


def _sent(
    engine: Engine, make: Make, parcel: ReaderGroup, due: Sequence[int], now: datetime
) -> int | None:
    """Put one parcel into the queue; None where that was not possible."""
    try:
        with reading(engine) as session:
            digest = content(session, parcel)
            alone = digest.alone
            what = campaigns_frozen(session, alone) if alone else None
        return _keep(engine, parcel, digest, what or make(digest), due, now)
    except AlreadyTaken:
        return None
    except FlashmailError:
        # A digest that cannot be made must not stop whatever else is due.
        logger.exception("a digest cannot be made; its briefs wait for the next one")
        return None


def _keep(
    engine: Engine,
    parcel: ReaderGroup,
    digest: DigestContent,
    what: CampaignContent,
    due: Sequence[int],
    now: datetime,
) -> int:
    with transaction(engine) as session:
        brief_id = digest.alone.brief_id if digest.alone else None
        campaign = campaigns_draft(session, what, brief_id=brief_id, now=now)
        assert campaign.id is not None
        campaign.is_digest = True
        if not _bundle(session, campaign.id, parcel, due, now):
            raise AlreadyTaken
        who = digest.approved_by
        lifecycle.approve(session, campaign.id, what.content_hash, by=who, now=now)
        lifecycle.schedule(session, campaign.id, now, by=who, now=now)
        return campaign.id


def _bundle(
    session: Session,
    campaign_id: int,
    parcel: ReaderGroup,
    due: Sequence[int],
    now: datetime,
) -> int:
    """Move what the parcel's people are owed into its campaign; return how much."""
    moved = 0
    for begin in range(0, len(parcel.people), TOGETHER):
        some = parcel.people[begin : begin + TOGETHER]
        moved += rows_changed(
            session.execute(
                update(DigestItem)
                .where(col(DigestItem.subscriber_id).in_(some))
                .where(col(DigestItem.edition_id).in_(due))
                .where(col(DigestItem.state) == DigestItemState.WAITING)
                .values(
                    state=DigestItemState.BUNDLED,
                    digest_campaign_id=campaign_id,
                    state_since=now,
                )
                .execution_options(synchronize_session=False)
            )
        )
    return moved


def _close(session: Session, due: Iterable[int]) -> None:
    """Say of each moment what became of it; what is still there waits for another."""
    for edition_id in due:
        states = set(
            session.exec(
                select(DigestItem.state)
                .where(DigestItem.edition_id == edition_id)
                .distinct()
            )
        )
        if DigestItemState.WAITING in states:
            status = EditionStatus.MISSED
            release_editions(session, [edition_id])
        elif DigestItemState.BUNDLED in states:
            status = EditionStatus.BEGUN
        else:
            status = EditionStatus.EMPTY
        session.execute(
            update(Edition)
            .where(col(Edition.id) == edition_id)
            .where(col(Edition.status) == EditionStatus.WAITING)
            .values(status=status)
        )
