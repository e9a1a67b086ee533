"""The calendar: scheduled campaigns begin at their time, or are missed."""

from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import col, select

from flashmail.briefs.embargo import require_lifted
from flashmail.database import reading, transaction
from flashmail.errors import FlashmailError
from flashmail.model import Campaign, CampaignStatus
from flashmail.sending.approve.approval import leave_out
from flashmail.sending.approve.correct import on_their_way
from flashmail.sending.campaigns import log_campaign, moved
from flashmail.sending.engine.address import address
from flashmail.sending.stored import embargo_of

SYSTEM = "flashmail"


def begin_due(
    engine: Engine, *, batch_size: int, missed_after: timedelta, now: datetime
) -> list[int]:
    """Begin every campaign whose time has come; return their ids.

    One whose time went by for longer than `missed_after` does not fire by itself: after
    an outage or a restored backup a person has to say whether it still should go out.
    Two schedulers at once are harmless, as only one of them can move a campaign.
    """
    begun = []
    for campaign_id in _due(engine, now):
        try:
            if _begin(engine, campaign_id, batch_size, missed_after, now):
                begun.append(campaign_id)
        except FlashmailError as problem:
            # One that cannot begin (its topic is gone, say) must not stop the others.
            _set_aside(engine, campaign_id, f"it cannot begin: {problem}", now)
    return begun


def _set_aside(engine: Engine, campaign_id: int, note: str, now: datetime) -> None:
    with transaction(engine) as session:
        moved(session, campaign_id, CampaignStatus.MISSED, note=note)
        log_campaign(session, campaign_id, "miss", who=SYSTEM, now=now, note=note)


def _due(engine: Engine, now: datetime) -> list[int]:
    with reading(engine) as session:
        due = session.exec(
            select(col(Campaign.id))
            .where(Campaign.status == CampaignStatus.SCHEDULED)
            .where(col(Campaign.send_at) <= now)
            .order_by(col(Campaign.priority).desc(), col(Campaign.send_at))
        )
        return [each for each in due if each is not None]


def _begin(
    engine: Engine,
    campaign_id: int,
    batch_size: int,
    missed_after: timedelta,
    now: datetime,
) -> bool:
    with transaction(engine) as session:
        campaign = session.get_one(Campaign, campaign_id, with_for_update=True)
        if campaign.status is not CampaignStatus.SCHEDULED or campaign.send_at is None:
            return False
        if now - campaign.send_at > missed_after:
            note = (
                f"nobody was there to send it at {campaign.send_at:%Y-%m-%d %H:%M} UTC"
            )
            moved(session, campaign_id, CampaignStatus.MISSED, note=note)
            log_campaign(session, campaign_id, "miss", who=SYSTEM, now=now, note=note)
            return False
        if campaign.corrects and on_their_way(session, campaign.corrects):
            return False  # whom it is for is not known before the first one has landed
        require_lifted(embargo_of(session, campaign), at=now)
        moved(session, campaign_id, CampaignStatus.SENDING, started_at=now)
        count = address(session, campaign, batch_size=batch_size, now=now)
        campaign.addressed = count
        later = leave_out(session, campaign, now=now)
        detail = {"addressed": count, "joined_later": later}
        log_campaign(session, campaign_id, "begin", who=SYSTEM, now=now, **detail)
        return True
