"""Digests: when a moment has come, what is owed then goes out, one mail to a person.

Readers who are owed the same briefs share one campaign, which goes the way of every
other one: frozen, approved, claimed, at most once.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, update
from sqlmodel import Session, col, exists, select

from flashmail.database import reading, transaction
from flashmail.errors import FlashmailError
from flashmail.model import (
    Occurrence,
    OccurrenceStatus,
    Owed,
    OwedState,
    Path,
)
from flashmail.sending import campaigns
from flashmail.sending.campaigns import CampaignContent
from flashmail.sending.engine.claim import changed
from flashmail.sending.plan.parcels import Digest, Parcel, content, parcels
from flashmail.sending.plan.seats import seat, unseat
from flashmail.sending.plan.sift import sift

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
            what = campaigns.frozen(session, alone) if alone else None
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
        campaign = campaigns.draft(session, what, brief_id=brief_id, now=now)
        assert campaign.id is not None
        campaign.planned = True
        if not _bundle(session, campaign.id, parcel, due, now):
            raise Overtaken
        who = digest.approved_by
        campaigns.approve(session, campaign.id, what.digest, who=who, now=now)
        campaigns.schedule(session, campaign.id, now, who=who, now=now)
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
