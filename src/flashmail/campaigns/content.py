"""Compose: a rendered brief gets the header lines of a mailing, and becomes a draft."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.campaigns.link_checks import request_checks
from flashmail.links import Links, envelope_sender
from flashmail.message import TOKEN, Message, mark
from flashmail.model import Campaign, Frequency, Link, Priority
from flashmail.rendering import Renderer


@dataclass(frozen=True)
class CampaignContent:
    """Everything that a campaign will say, and its segment.

    `destinations` are where its links lead, in the order of their numbers from 1.
    """

    message: Message
    segment: Segment
    topics: tuple[str, ...]
    template: str
    priority: Priority = Priority.NORMAL
    destinations: tuple[str, ...] = ()
    frequency: Frequency = Frequency.INSTANT

    @property
    def content_hash(self) -> str:
        """The SHA-256 of all that an approval binds."""
        content: list[Any] = [
            self.message.subject,
            self.message.html,
            self.message.text,
            self.message.headers,
            self.message.envelope_sender,
            self.segment.as_json(),
            self.topics,
            self.destinations,
            int(self.priority),
            self.frequency,
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def create_campaign(
    session: Session,
    what: CampaignContent,
    *,
    brief_id: int | None,
    by: str = "",
    now: datetime,
) -> Campaign:
    """Freeze the message exactly as it was rendered, ready for approval."""
    campaign = Campaign(
        brief_id=brief_id,
        template=what.template,
        priority=what.priority,
        frequency=what.frequency,
        created_at=now,
        created_by=by,
        **content_columns(what),
    )
    session.add(campaign)
    session.flush()
    assert campaign.id is not None
    store_links(session, campaign.id, what.destinations)
    request_checks(session, what.destinations, now=now)
    return campaign


def content_columns(what: CampaignContent) -> dict[str, Any]:
    """Return the columns that hold what a campaign says, and its segment."""
    return {
        "audience": what.segment.as_json(),
        "topics": list(what.topics),
        "subject": what.message.subject,
        "html": what.message.html,
        "text": what.message.text,
        "headers": [list(header) for header in what.message.headers],
        "envelope_sender": what.message.envelope_sender,
        "content_hash": what.content_hash,
    }


def store_links(
    session: Session, campaign_id: int, destinations: Iterable[str]
) -> None:
    for number, url in enumerate(destinations, start=1):
        session.add(Link(campaign_id=campaign_id, number=number, url=url))


def load_content(session: Session, campaign: Campaign) -> CampaignContent:
    """Return what a campaign says, as it stands in the tables."""
    links = select(Link).where(Link.campaign_id == campaign.id)
    urls = [each.url for each in session.exec(links.order_by(col(Link.number)))]
    return CampaignContent(
        message=load_message(campaign),
        segment=Segment.from_json(campaign.audience),
        topics=tuple(campaign.topics),
        template=campaign.template,
        priority=Priority(campaign.priority),
        destinations=tuple(urls),
        frequency=campaign.frequency,
    )


def load_message(campaign: Campaign) -> Message:
    return Message(
        subject=campaign.subject,
        html=campaign.html,
        text=campaign.text,
        headers=tuple((name, value) for name, value in campaign.headers),
        envelope_sender=campaign.envelope_sender,
    )


@dataclass(frozen=True)
class Sender:
    """The sender of mails; `domain` is that of Message-IDs and bounces."""

    name: str
    address: str
    domain: str


def compose(
    message: Message,
    destinations: tuple[str, ...],
    *,
    segment: Segment,
    topics: tuple[str, ...],
    template: str,
    priority: Priority,
    sender: Sender,
    links: Links,
    frequency: Frequency = Frequency.INSTANT,
) -> CampaignContent:
    """Return a draft of the whole mail, headers and all, ready to be approved."""
    return CampaignContent(
        message=replace(
            message,
            headers=_headers(sender, links),
            envelope_sender=envelope_sender(sender.domain),
        ),
        segment=segment,
        topics=topics,
        template=template,
        priority=priority,
        destinations=destinations,
        frequency=frequency,
    )


def _headers(sender: Sender, links: Links) -> tuple[tuple[str, str], ...]:
    return (
        ("From", f"{sender.name} <{sender.address}>"),
        ("Message-ID", f"<{mark(TOKEN)}@{sender.domain}>"),
        # One identity for life (RFC 2919): readers' filters hang on it.
        ("List-Id", f"{sender.name} <briefs.{sender.domain}>"),
        ("List-Post", "NO"),
        # RFC 8058: exactly one https address, and exactly these words in the second.
        ("List-Unsubscribe", f"<{links.unsubscribe()}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Precedence", "bulk"),
    )


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
    """Render a brief into everything that a campaign will say, and its segment."""
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


@dataclass(frozen=True)
class MailKit:
    """Templates, the sender, where links lead, and the address at the foot."""

    renderer: Renderer
    sender: Sender
    links: Links
    postal_address: str

    def draft(
        self,
        brief: Brief,
        segment: Segment,
        *,
        priority: Priority = Priority.NORMAL,
        template: str = "",
    ) -> CampaignContent:
        """Render a brief into everything that a campaign will say, and its segment."""
        return draft_of(
            brief,
            segment,
            renderer=self.renderer,
            sender=self.sender,
            links=self.links,
            priority=priority,
            template=template,
        )
