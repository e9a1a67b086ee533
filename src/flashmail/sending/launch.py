"""Launch: from a brief to a campaign in the queue, the one way for every edge."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from flashmail import briefs
from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.database import transaction
from flashmail.links import Links
from flashmail.model import Priority, Schedule
from flashmail.rendering import Renderer
from flashmail.sending import campaigns
from flashmail.sending.campaigns import Draft
from flashmail.sending.compose import Sender, compose

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
) -> Draft:
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
    schedule: Schedule,
    content: Sequence[Brief],
    at: datetime,
    *,
    renderer: Renderer,
    sender: Sender,
    links: Links,
) -> Draft:
    """Render a schedule's digest of briefs into everything its campaign will say."""
    local = at.astimezone(ZoneInfo(schedule.time_zone))
    extra = {"briefs": tuple(content), "period": f"{local:%A, %B} {local.day}"}
    rendered = renderer.render(None, schedule.template, extra=extra)
    segment = Segment.from_json(schedule.audience)
    return compose(
        rendered.message,
        rendered.destinations,
        segment=segment,
        topics=segment.bringing,
        template=schedule.template,
        priority=Priority.NORMAL,
        sender=sender,
        links=links,
        frequency=schedule.frequency,
    )


def launch(
    engine: Engine,
    brief: Brief,
    what: Draft,
    moment: datetime,
    *,
    who: str,
    now: datetime,
) -> int:
    """Freeze, approve and schedule a draft that somebody has agreed to.

    Returns the campaign's number. All of it is kept, or none.
    """
    with transaction(engine) as session:
        brief_id = campaigns.keep_brief(
            session,
            brief.title,
            brief.date.isoformat(),
            briefs.write_markdown(brief),
            embargo=brief.embargo,
            now=now,
        )
        campaign = campaigns.draft(session, what, brief_id=brief_id, who=who, now=now)
        assert campaign.id is not None
        campaigns.approve(session, campaign.id, what.digest, who=who, now=now)
        campaigns.schedule(session, campaign.id, moment, who=who, now=now)
        return campaign.id
