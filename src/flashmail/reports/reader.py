"""What became of the latest briefs for one reader, as the reader is told it."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from flashmail.audience.reasons import why
from flashmail.audience.segment import Segment
from flashmail.model import Campaign, Priority, StoredBrief, Subscriber
from flashmail.reports.person import NOT_MEANT, fate


@dataclass(frozen=True)
class Told:
    """One brief: when it was sent, how far it came, and why it did not."""

    title: str
    at: datetime
    state: str
    reason: str
    topics: tuple[str, ...]


def latest_briefs(session: Session, person: Subscriber, *, limit: int) -> list[Told]:
    """Return what became of the latest briefs for a reader, the latest first.

    Of those that were never meant for this reader, the reason of today is told.
    """
    sent = (
        select(Campaign, StoredBrief.title)
        .join(StoredBrief, col(StoredBrief.id) == col(Campaign.brief_id))
        .where(col(Campaign.started_at).is_not(None))
        .where(~col(Campaign.planned), col(Campaign.amends).is_(None))
        .order_by(col(Campaign.started_at).desc())
        .limit(limit)
    )
    return [
        _outcome(session, person, campaign, title)
        for campaign, title in session.exec(sent)
    ]


def _outcome(
    session: Session, person: Subscriber, campaign: Campaign, title: str
) -> Told:
    assert campaign.started_at is not None
    found = fate(session, campaign, person.address)
    state, reason = str(found["state"]), str(found["reason"])
    if state == NOT_MEANT:
        segment = Segment.from_json(campaign.audience)
        urgent = campaign.priority == Priority.URGENT
        reason = why(session, person.address, segment, urgent=urgent).words
    return Told(title, campaign.started_at, state, reason, tuple(campaign.topics))
