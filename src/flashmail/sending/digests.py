"""Digests: at each time of a schedule, one mail with what was sent since the last."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from flashmail import briefs
from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.database import is_sqlite, reading, transaction
from flashmail.errors import FlashmailError
from flashmail.model import (
    Campaign,
    CampaignStatus,
    Occurrence,
    OccurrenceStatus,
    Schedule,
    StoredBrief,
)
from flashmail.sending import campaigns
from flashmail.sending.campaigns import Draft
from flashmail.sending.times import moments, parse_days, parse_time

logger = logging.getLogger(__name__)

#: A campaign in one of these has told its readers what its brief says.
TOLD = (CampaignStatus.SENDING, CampaignStatus.SENT)

#: Makes the mail of a digest out of its briefs.
Make = Callable[[Schedule, Sequence[Brief], datetime], Draft]


@dataclass(frozen=True)
class Due:
    """A time of a schedule that has come, and the time before it."""

    schedule: Schedule
    at: datetime
    since: datetime


def run_due(
    engine: Engine, make: Make, *, missed_after: timedelta, now: datetime
) -> list[int]:
    """Put the digests that are due into the queue; return their campaigns' numbers.

    Each time of a schedule is a row that only one scheduler can add. A time that went
    by for longer than `missed_after` is written down as missed; its briefs are in the
    next digest.
    """
    begun = []
    for due in _due(engine, now):
        status, what = _made(engine, make, due, missed=now - due.at > missed_after)
        campaign_id = _keep(engine, due, status, what, now)
        if campaign_id is not None:
            begun.append(campaign_id)
    return begun


def _made(
    engine: Engine, make: Make, due: Due, *, missed: bool
) -> tuple[OccurrenceStatus, Draft | None]:
    if missed:
        return OccurrenceStatus.MISSED, None
    try:
        content = _content(engine, due)
        if not content:
            return OccurrenceStatus.EMPTY, None
        return OccurrenceStatus.BEGUN, make(due.schedule, content, due.at)
    except FlashmailError:
        # A digest that cannot be made must not stop whatever else is due.
        logger.exception("the digest %s cannot be made", due.schedule.name)
        return OccurrenceStatus.MISSED, None


def _due(engine: Engine, now: datetime) -> list[Due]:
    with reading(engine) as session:
        active = session.exec(select(Schedule).where(col(Schedule.active))).all()
        return [due for each in active for due in _times(session, each, now)]


def _times(session: Session, schedule: Schedule, now: datetime) -> list[Due]:
    """Return the times of a schedule that have come and are not written down yet."""
    kept = select(Occurrence).where(Occurrence.schedule_id == schedule.id)
    rows = session.exec(kept.order_by(col(Occurrence.at))).all()
    last = rows[-1].at if rows else schedule.created_at
    told = [row.at for row in rows if row.status is not OccurrenceStatus.MISSED]
    since = told[-1] if told else schedule.created_at
    times = moments(
        parse_days(schedule.days),
        parse_time(schedule.at),
        ZoneInfo(schedule.time_zone),
        after=last,
        until=now,
    )
    return [Due(schedule, at, since) for at in times]


def _content(engine: Engine, due: Due) -> list[Brief]:
    """Return the briefs that were sent since the last digest, each once."""
    topics = set(Segment.from_json(due.schedule.audience).bringing)
    sent = (
        select(StoredBrief, Campaign)
        .join(Campaign, col(Campaign.brief_id) == col(StoredBrief.id))
        .where(col(Campaign.status).in_(TOLD))
        .where(StoredBrief.lifted(due.at))
        .where(col(Campaign.started_at) >= due.since, col(Campaign.started_at) < due.at)
        .order_by(col(Campaign.started_at), col(Campaign.id))
    )
    with reading(engine) as session:
        found = {
            brief.id: brief.markdown
            for brief, campaign in session.exec(sent)
            if not topics or topics & set(campaign.topics)
        }
    return [briefs.read(markdown) for markdown in found.values()]


def _keep(
    engine: Engine,
    due: Due,
    status: OccurrenceStatus,
    what: Draft | None,
    now: datetime,
) -> int | None:
    """Write the occurrence down with its campaign, unless another scheduler did."""
    with transaction(engine) as session:
        if not _first(session, due, status):
            return None
        if what is None:
            return None
        campaign_id = _launch(session, due, what, now)
        key = (due.schedule.id, due.at)
        session.get_one(Occurrence, key).campaign_id = campaign_id
        return campaign_id


def _first(session: Session, due: Due, status: OccurrenceStatus) -> bool:
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    added = session.execute(
        insert(Occurrence)
        .values(schedule_id=due.schedule.id, at=due.at, status=status)
        .on_conflict_do_nothing()
        .returning(col(Occurrence.at))
    )
    return added.first() is not None


def _launch(session: Session, due: Due, what: Draft, now: datetime) -> int:
    campaign = campaigns.draft(session, what, brief_id=None, now=now)
    assert campaign.id is not None
    who = f"{due.schedule.approved_by} (schedule {due.schedule.name})"
    campaigns.approve(session, campaign.id, what.digest, who=who, now=now)
    campaigns.schedule(session, campaign.id, now, who=who, now=now)
    return campaign.id
