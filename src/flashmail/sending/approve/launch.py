"""Launch: from a brief to a campaign in the queue, the one way for every edge."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session

from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.database import transaction
from flashmail.links import Links
from flashmail.model import Campaign, Priority
from flashmail.rendering import Renderer
from flashmail.sending import campaigns, stored
from flashmail.sending.approve.compose import Sender, compose
from flashmail.sending.campaigns import CampaignContent
from flashmail.sending.plan.parcels import Digest

#: Which template a brief is sent in, unless another one is named.
TEMPLATES = {Priority.NORMAL: "flash-brief", Priority.URGENT: "urgent"}


def draft_of(
    brief: Brief,
    segment: Segment,
    *,
    renderer: Renderer,
    sender: Sender,
    links: Links,
    priority: Priority,
    template: str = "",
) -> CampaignContent:
    """Render a brief into everything that a campaign will say, and to whom."""
    template = template or TEMPLATES[priority]
    rendered = renderer.render(brief, template)
    return compose(
        rendered.message,
        rendered.destinations,
        segment=segment,
        topics=brief.topics,
        template=template,
        priority=priority,
        sender=sender,
        links=links,
    )


def digest_of(
    digest: Digest,
    *,
    renderer: Renderer,
    sender: Sender,
    links: Links,
) -> CampaignContent:
    """Render a digest of briefs into everything that its campaign will say."""
    every = tuple(each for group in digest.groups for each in group.briefs)
    groups = tuple(
        {
            "topic": group.topic,
            "briefs": group.briefs,
            "links": [path and f"{links.base_url}{path}" for path in group.paths],
        }
        for group in digest.groups
    )
    extra = {
        "briefs": every,
        "frequency": digest.frequency.value,
        "groups": groups,
        "period": digest.day,
    }
    rendered = renderer.render(None, digest.template, extra=extra)
    topics = tuple(group.topic for group in digest.groups if group.topic)
    return compose(
        rendered.message,
        rendered.destinations,
        segment=Segment(name=f"{digest.frequency} digest", any=topics),
        topics=topics,
        template=digest.template,
        priority=Priority.NORMAL,
        sender=sender,
        links=links,
        frequency=digest.frequency,
    )


def launch(
    engine: Engine,
    brief: Brief,
    what: CampaignContent,
    moment: datetime,
    *,
    also: Callable[[Session, Campaign], None] = lambda session, campaign: None,
    who: str,
    now: datetime,
) -> int:
    """Freeze, approve and schedule a draft that somebody has agreed to.

    Returns the campaign's number. All of it is kept, or none, with whatever `also` has
    to note about the campaign.
    """
    with transaction(engine) as session:
        brief_id = stored.keep(session, brief, now=now)
        campaign = campaigns.draft(session, what, brief_id=brief_id, who=who, now=now)
        assert campaign.id is not None
        also(session, campaign)
        campaigns.approve(session, campaign.id, what.digest, who=who, now=now)
        campaigns.schedule(session, campaign.id, moment, who=who, now=now)
        return campaign.id
