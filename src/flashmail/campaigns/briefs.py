"""The briefs that campaigns were made of: each form of one is kept once."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, col, or_, select

from flashmail import briefs
from flashmail.audience.topics import lineage
from flashmail.briefs import Brief
from flashmail.briefs.brief import lifted
from flashmail.model import AmendmentKind, Campaign, CampaignStatus, StoredBrief


def store_brief_once(session: Session, brief: Brief, *, now: datetime) -> int:
    """Keep a brief as it is sent, once; return its number."""
    return store_brief(
        session,
        brief.title,
        brief.date.isoformat(),
        briefs.write_markdown(brief),
        embargo=brief.embargo,
        now=now,
    )


def store_brief(
    session: Session,
    title: str,
    date: str,
    markdown: str,
    *,
    embargo: datetime | None = None,
    now: datetime,
) -> int:
    """Keep a brief's Markdown, once, and return its id."""
    content_hash = hashlib.sha256(markdown.encode()).hexdigest()
    known = session.exec(
        select(StoredBrief).where(StoredBrief.content_hash == content_hash)
    )
    brief = known.one_or_none() or StoredBrief(
        title=title,
        date=date,
        markdown=markdown,
        content_hash=content_hash,
        created_at=now,
        embargo_until=embargo,
    )
    session.add(brief)
    session.flush()
    assert brief.id is not None
    return brief.id


def campaigns_with_text(session: Session, markdown: str) -> list[Campaign]:
    """Return the campaigns that a brief went out with already, or is about to."""
    content_hash = hashlib.sha256(markdown.encode()).hexdigest()
    sent = (
        select(Campaign)
        .join(StoredBrief, col(StoredBrief.id) == col(Campaign.brief_id))
        .where(StoredBrief.content_hash == content_hash)
        .where(Campaign.status != CampaignStatus.CANCELLED)
        .order_by(col(Campaign.id))
    )
    return list(session.exec(sent))


def embargo_of(session: Session, campaign: Campaign) -> datetime | None:
    """Return until when the campaign's brief is under embargo, or was."""
    if campaign.brief_id is None:
        return None
    return session.get_one(StoredBrief, campaign.brief_id).embargo_until


#: A campaign in one of these has told its readers what its brief says.
TOLD = (CampaignStatus.SENDING, CampaignStatus.PAUSED, CampaignStatus.SENT)


def related_campaigns(session: Session, campaign: Campaign) -> list[int]:
    """Return the numbers of all campaigns that told a form of the same brief.

    They are those that correct each other, and those with the very same text.
    """
    assert campaign.id is not None
    found, new = {campaign.id}, {campaign.id}
    while new:
        new = _next_to(session, new) - found
        found |= new
    return sorted(found)


def current_form(session: Session, campaign: Campaign) -> Campaign | None:
    """Return the campaign with the form that counts now; None if there is none.

    A campaign that was cancelled counts for nothing; a brief that was taken back has no
    form any more.
    """
    told = (
        select(Campaign)
        .where(col(Campaign.id).in_(related_campaigns(session, campaign)))
        .where(col(Campaign.status).in_(TOLD))
        .order_by(col(Campaign.id).desc())
    )
    last = session.exec(told).first()
    return (
        None
        if last is None or last.amendment_kind is AmendmentKind.RETRACTION
        else last
    )


def _next_to(session: Session, numbers: Iterable[int]) -> set[int]:
    """Return the campaigns that these correct, that correct them, or say the same."""
    some = list(numbers)
    known = session.exec(select(Campaign).where(col(Campaign.id).in_(some))).all()
    above = [each.amends_id for each in known if each.amends_id is not None]
    texts = [each.brief_id for each in known if each.brief_id is not None]
    beside = (
        select(Campaign.id)
        .where(~col(Campaign.is_digest))
        .where(
            or_(
                col(Campaign.id).in_(above),
                col(Campaign.amends_id).in_(some),
                col(Campaign.brief_id).in_(texts),
            )
        )
    )
    return {each for each in session.exec(beside) if each is not None}


#: So many of the latest campaigns are looked at for one that suits a new reader.
LOOKED_AT = 50


def latest_about(
    session: Session, names: Sequence[str], *, now: datetime
) -> Brief | None:
    """Return the latest brief on any of these topics, in the form that counts now."""
    known = lineage(session)
    tags = known.expand(name for name in names if name in known.parents)
    told = (
        select(Campaign)
        .where(col(Campaign.status).in_(TOLD), col(Campaign.brief_id).is_not(None))
        .where(~col(Campaign.is_digest))
        .order_by(col(Campaign.started_at).desc())
        .limit(LOOKED_AT)
    )
    for campaign in session.exec(told):
        form = (
            None
            if tags.isdisjoint(campaign.topics)
            else current_form(session, campaign)
        )
        if form is None or not lifted(embargo_of(session, form), now=now):
            continue
        stored = session.get_one(StoredBrief, form.brief_id)
        return briefs.read(stored.markdown)
    return None
