"""The briefs that campaigns were made of: each form of one is kept once."""

import hashlib
from datetime import datetime

from sqlmodel import Session, col, select

from flashmail import briefs
from flashmail.briefs import Brief
from flashmail.model import Campaign, CampaignStatus, StoredBrief


def keep(session: Session, brief: Brief, *, now: datetime) -> int:
    """Keep a brief as it is sent, once; return its number."""
    return keep_brief(
        session,
        brief.title,
        brief.date.isoformat(),
        briefs.write_markdown(brief),
        embargo=brief.embargo,
        now=now,
    )


def keep_brief(
    session: Session,
    title: str,
    date: str,
    markdown: str,
    *,
    embargo: datetime | None = None,
    now: datetime,
) -> int:
    """Keep a brief's Markdown, once, and return its id."""
    digest = hashlib.sha256(markdown.encode()).hexdigest()
    known = session.exec(select(StoredBrief).where(StoredBrief.digest == digest))
    brief = known.one_or_none() or StoredBrief(
        title=title,
        date=date,
        markdown=markdown,
        digest=digest,
        created_at=now,
        embargo_until=embargo,
    )
    session.add(brief)
    session.flush()
    assert brief.id is not None
    return brief.id


def earlier(session: Session, markdown: str) -> list[Campaign]:
    """Return the campaigns that a brief went out with already, or is about to."""
    digest = hashlib.sha256(markdown.encode()).hexdigest()
    sent = (
        select(Campaign)
        .join(StoredBrief, col(StoredBrief.id) == col(Campaign.brief_id))
        .where(StoredBrief.digest == digest)
        .where(Campaign.status != CampaignStatus.CANCELLED)
        .order_by(col(Campaign.id))
    )
    return list(session.exec(sent))


def embargo_of(session: Session, campaign: Campaign) -> datetime | None:
    """Return until when the campaign's brief is under embargo, or was."""
    if campaign.brief_id is None:
        return None
    return session.get_one(StoredBrief, campaign.brief_id).embargo_until
