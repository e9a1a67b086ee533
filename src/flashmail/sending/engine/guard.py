"""Stop a campaign that too many of its readers call spam, before providers do."""

from contextlib import suppress
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, distinct, func, select

from flashmail.database import reading, transaction
from flashmail.model import (
    AuditEntry,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
    Event,
    EventKind,
)
from flashmail.sending.campaigns import CampaignMoved, pause

WHO = "complaint guard"

#: Gmail and Yahoo want fewer than 0.1 % and turn mail away from 0.3 % on. Of fewer
#: mails than these a single complaint says nothing.
HIGHEST_RATE = 0.002
FEWEST = 1_000

#: A person who resumed the campaign knew of its complaints, not of as many again.
AGAIN = 2

ACCEPTED = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.BOUNCED)


def too_many(complaints: int, accepted: int, *, known: int = 0) -> bool:
    """Whether to stop, when a person has let it go on despite `known` complaints."""
    if accepted < FEWEST or complaints < AGAIN * known:
        return False
    return complaints > HIGHEST_RATE * accepted


def pause_unwanted(engine: Engine, *, now: datetime) -> list[int]:
    """Pause each campaign under way that has too many complaints; return them."""
    unwanted = _unwanted(engine)
    for campaign_id, note in unwanted.items():
        # A person may have been quicker: then it is under way no more.
        with suppress(CampaignMoved), transaction(engine) as session:
            pause(session, campaign_id, who=WHO, now=now, note=note)
    return list(unwanted)


def _unwanted(engine: Engine) -> dict[int, str]:
    found = {}
    # Asked often and mostly for nothing: nobody has to wait for it.
    with reading(engine) as session:
        for campaign_id, complaints in _complained(session):
            accepted = _accepted(session, campaign_id)
            if too_many(complaints, accepted, known=_known(session, campaign_id)):
                note = f"{complaints:,} of {accepted:,} complained: look at it first"
                found[campaign_id] = note
    return found


def _complained(session: Session) -> list[tuple[int, int]]:
    """Return campaigns under way that have enough complaints to be worth counting."""
    people = func.count(distinct(col(Event.subscriber_id)))
    rows = session.exec(
        select(Event.campaign_id, people)
        .join(Campaign, col(Campaign.id) == col(Event.campaign_id))
        .where(col(Campaign.status) == CampaignStatus.SENDING)
        .where(col(Event.kind) == EventKind.COMPLAINED)
        .group_by(col(Event.campaign_id))
        .having(people > HIGHEST_RATE * FEWEST)
    )
    return [(campaign_id, count) for campaign_id, count in rows]


def _accepted(session: Session, campaign_id: int) -> int:
    return session.exec(
        select(func.count())
        .select_from(Delivery)
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state).in_(ACCEPTED))
    ).one()


def _known(session: Session, campaign_id: int) -> int:
    """Return how many had complained when the guard last stopped this campaign."""
    last = session.exec(
        select(AuditEntry)
        .where(AuditEntry.who == WHO)
        .where(AuditEntry.subject == f"campaign {campaign_id}")
        .order_by(col(AuditEntry.id).desc())
    ).first()
    if last is None:
        return 0
    return session.exec(
        select(func.count(distinct(col(Event.subscriber_id))))
        .where(col(Event.campaign_id) == campaign_id)
        .where(col(Event.kind) == EventKind.COMPLAINED)
        .where(col(Event.recorded_at) <= last.at)
    ).one()
