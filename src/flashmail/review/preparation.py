"""Prepare: a brief that somebody wrote becomes a campaign, frozen, to be approved."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CursorResult, Engine, delete, update
from sqlmodel import Session, col, select

from flashmail import audit, briefs
from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.campaigns import lifecycle
from flashmail.campaigns.briefs import store_brief_once
from flashmail.campaigns.content import (
    CampaignContent,
    MailKit,
    content_columns,
    store_links,
)
from flashmail.campaigns.content import create_campaign as campaigns_draft
from flashmail.campaigns.lifecycle import InvalidTransition
from flashmail.database import reading, transaction
from flashmail.errors import DraftNotFound, WrongInput
from flashmail.model import (
    Campaign,
    CampaignStatus,
    Draft,
    DraftVersion,
    Link,
    Priority,
    Topic,
)


@dataclass(frozen=True)
class SendRequest:
    """A request to send: a draft in one of its versions, the segment and the way.

    Without a segment it goes to the followers of the brief's topics.
    """

    draft_id: int
    version: int
    segment: Segment | None = None
    template: str = ""
    urgent: bool = False


def prepare(
    engine: Engine,
    kit: MailKit,
    wish: SendRequest,
    *,
    check: Callable[[Campaign], None] = lambda campaign: None,
    by: str,
    now: datetime,
) -> int:
    """Make a campaign of a draft, for others to approve; return its number.

    `check` may refuse it, by raising, when it is known what it is about.
    """
    brief, what = _made(engine, kit, wish)
    with transaction(engine) as session:
        brief_id = store_brief_once(session, brief, now=now)
        campaign = campaigns_draft(session, what, brief_id=brief_id, by=by, now=now)
        assert campaign.id is not None
        check(campaign)
        campaign.draft_id, campaign.draft_version = wish.draft_id, wish.version
        audit.record(
            session,
            audit.of_campaign(campaign.id),
            "prepare",
            by=by,
            now=now,
            content=what.content_hash,
        )
        return campaign.id


def refresh(
    engine: Engine,
    kit: MailKit,
    campaign_id: int,
    *,
    check: Callable[[Campaign], None] = lambda campaign: None,
    by: str,
    now: datetime,
) -> None:
    """Take the latest form of its draft over into a campaign nobody approved yet.

    `check` may refuse it, by raising: the brief may be about something else by now.
    """
    with reading(engine) as session:
        wish = _same_again(session, lifecycle.get_campaign(session, campaign_id))
    brief, what = _made(engine, kit, wish)
    with transaction(engine) as session:
        brief_id = store_brief_once(session, brief, now=now)
        _refreeze(session, campaign_id, what, brief_id, wish.version)
        check(lifecycle.get_campaign(session, campaign_id))
        audit.record(
            session,
            audit.of_campaign(campaign_id),
            "renew",
            by=by,
            now=now,
            content=what.content_hash,
        )


def changed_since(session: Session, campaign: Campaign) -> int | None:
    """Return the latest form of a campaign's draft, if it is another one."""
    draft = session.get(Draft, campaign.draft_id) if campaign.draft_id else None
    if draft is None or campaign.amendment_kind is not None:
        return None
    return draft.version if draft.version != campaign.draft_version else None


def segment_of(brief: Brief, known: Collection[str], chosen: Segment | None) -> Segment:
    """Return the segment of a brief, or say why it reaches no one."""
    if unknown := [topic for topic in brief.topics if topic not in known]:
        raise WrongInput(
            f"topics.toml does not know {', '.join(unknown)}: add it there,"
            " or mend the brief"
        )
    if chosen is not None:
        return chosen
    if not brief.topics:
        raise WrongInput(
            "the brief has no topics, so nobody follows it; tag it, or name a segment"
        )
    return Segment(any=brief.topics)


def form_of(session: Session, draft_id: int, version: int) -> Brief:
    """Return a draft in one of its forms, as a brief."""
    draft = session.get(Draft, draft_id)
    kept = session.get(DraftVersion, (draft_id, version))
    if draft is None or draft.discarded_at is not None or kept is None:
        raise DraftNotFound(f"there is no draft {draft_id} of version {version}")
    return briefs.read(kept.markdown, topics=topic_names(session), name=draft.title)


def topic_names(session: Session) -> list[str]:
    return list(session.exec(select(Topic.name)))


def _made(
    engine: Engine, kit: MailKit, wish: SendRequest
) -> tuple[Brief, CampaignContent]:
    with reading(engine) as session:
        brief = form_of(session, wish.draft_id, wish.version)
        segment = segment_of(brief, topic_names(session), wish.segment)
    what = kit.draft(
        brief,
        segment,
        priority=Priority.URGENT if wish.urgent else Priority.NORMAL,
        template=wish.template,
    )
    return brief, what


def _same_again(session: Session, campaign: Campaign) -> SendRequest:
    draft = session.get(Draft, campaign.draft_id) if campaign.draft_id else None
    if draft is None or draft.id is None or campaign.amendment_kind is not None:
        raise WrongInput(f"campaign {campaign.id} was not made of a draft alone")
    segment = Segment.from_json(campaign.audience)
    by_topic = segment == Segment(any=tuple(campaign.topics))
    return SendRequest(
        draft.id,
        draft.version,
        None if by_topic else segment,
        campaign.template,
        campaign.priority == Priority.URGENT,
    )


def _refreeze(
    session: Session,
    campaign_id: int,
    what: CampaignContent,
    brief_id: int,
    version: int,
) -> None:
    """Put other content into a campaign, as long as it is a draft."""
    result = session.execute(
        update(Campaign)
        .where(col(Campaign.id) == campaign_id)
        .where(col(Campaign.status) == CampaignStatus.DRAFT)
        .values(brief_id=brief_id, draft_version=version, **content_columns(what))
        .execution_options(synchronize_session="fetch")
    )
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise InvalidTransition(
            f"campaign {campaign_id} was approved: take it back first"
        )
    session.execute(delete(Link).where(col(Link.campaign_id) == campaign_id))
    store_links(session, campaign_id, what.destinations)
