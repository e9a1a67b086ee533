"""A whole flashmail in memory, to play a scene in and look at afterwards."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, select

from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.campaigns import lifecycle
from flashmail.campaigns.content import MailKit, Sender, compose
from flashmail.campaigns.content import create_campaign as campaigns_draft
from flashmail.database import reading, transaction
from flashmail.delivery.worker import Worker
from flashmail.home import packaged
from flashmail.links import Links, Purpose, Tokens
from flashmail.message import Message, mark
from flashmail.model import (
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
    EventKind,
    Priority,
    Subscriber,
    SubscriberStatus,
    Subscription,
    Suppression,
    Topic,
)
from flashmail.rendering import Rendered, Renderer, Site
from flashmail.rendering.renderer import NOTHING
from flashmail.reports.campaign import Report, report
from flashmail.settings import Tracking
from flashmail.tracking import sendgrid_webhook
from flashmail.tracking.recording import record
from flashmail.transports import Arm, Outcome, Receipt, Recipient
from webhook import Webhook

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SENDER = Sender("Flash Briefs", "briefs@example.org", "example.org")
LINKS = Links("https://mail.example.org")
PAGE = (
    f"<p>Dear {mark('name', 'reader')}, <a href='{LINKS.click(1)}'>read</a>"
    f" <a href='{LINKS.unsubscribe()}'>leave</a></p>"
)
#: Whose opens and clicks an installation looks at where nobody says otherwise.
TRACKING = Tracking.REFUSABLE
POSTAL = "1 Example Street, Example City 12345"


class Remembering(Renderer):
    """A renderer that makes each mail once: it takes long, and is tested elsewhere."""

    def __init__(self, folders: Sequence[Path], site: Site) -> None:
        super().__init__(folders, site)
        self._made: dict[Any, Rendered] = {}

    def render(
        self,
        brief: Brief | None,
        template: str = "flash-brief",
        *,
        urgent: bool = False,
        extra: Mapping[str, object] = NOTHING,
        tracked: bool = True,
    ) -> Rendered:
        key = (brief, template, urgent, tuple(extra.items()), tracked)
        if key not in self._made:
            self._made[key] = super().render(
                brief, template, urgent=urgent, extra=extra, tracked=tracked
            )
        return self._made[key]


PRESS = MailKit(
    Remembering(
        [packaged("templates")],
        Site("Flash Briefs", POSTAL, LINKS.base_url),
    ),
    SENDER,
    LINKS,
    POSTAL,
)


@dataclass
class Post:
    """A transport on whose way things can happen; it remembers what went out."""

    batch_size: int = 1
    arms_singly: bool = False
    sent: list[tuple[Message, Recipient]] = field(default_factory=list)
    before: Callable[[], object] = lambda: None  # before anything is armed
    meanwhile: Callable[[], object] = lambda: None  # after the bytes left
    fails_with: Exception | None = None
    outcome: Outcome = Outcome.ACCEPTED

    @property
    def addresses(self) -> list[str]:
        return [recipient.address for _, recipient in self.sent]

    @property
    def subjects(self) -> list[str]:
        return [message.subject for message, _ in self.sent]

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        self.before()
        if self.fails_with:
            raise self.fails_with
        await arm([each.subscriber_id for each in recipients])
        self.sent += [(message, each) for each in recipients]
        self.meanwhile()
        reason = f"the server said {self.outcome}"
        return [
            Receipt(each.subscriber_id, self.outcome, reason) for each in recipients
        ]

    async def close(self) -> None:
        pass


@dataclass
class Office:
    """Puts people and campaigns in, lets mail out, and reports what happened."""

    engine: Engine
    post: Post = field(default_factory=Post)
    tokens: Tokens = field(default_factory=lambda: Tokens.of(["k" * 32]))
    webhook: Webhook = field(default_factory=Webhook)
    now: datetime = NOON

    def topic(self, name: str, parent: str = "", *, private: bool = False) -> int:
        """Have a topic; return its number."""
        with transaction(self.engine) as session:
            known = select(Topic).where(Topic.name == name)
            topic = session.exec(known).one_or_none()
            if topic is None:
                above = session.exec(select(Topic).where(Topic.name == parent))
                topic = Topic(
                    name=name,
                    slug=name.lower().replace(" ", "-"),
                    parent_id=getattr(above.one_or_none(), "id", None),
                    private=private,
                )
                session.add(topic)
                session.flush()
            assert topic.id is not None
            return topic.id

    def subscribe(self, name: str, *topics: str, **fields: Any) -> int:
        """Have a reader who follows topics; return the reader's number."""
        ids = [self.topic(topic) for topic in topics]
        address = f"{name.lower()}@example.org"
        with transaction(self.engine) as session:
            reader = Subscriber(
                name=name, address=address, key=address, created_at=NOON, **fields
            )
            session.add(reader)
            session.flush()
            assert reader.id is not None
            for topic_id in ids:
                session.add(Subscription(subscriber_id=reader.id, topic_id=topic_id))
            return reader.id

    def suppress(self, name: str) -> None:
        with transaction(self.engine) as session:
            session.add(
                Suppression(
                    key=f"{name.lower()}@example.org",
                    reason=SubscriberStatus.UNSUBSCRIBED,
                    since=NOON,
                )
            )

    def draft(
        self,
        subject: str = "Storm",
        *topics: str,
        urgent: bool = False,
        links: tuple[str, ...] = (),
        page: str = PAGE,
    ) -> int:
        """Have a draft to the followers of topics; return its number."""
        topics = topics or ("Iran",)
        for topic in topics:
            self.topic(topic)
        what = compose(
            Message(
                subject,
                page,
                f"Dear {mark('name', 'reader')},\n\n{LINKS.unsubscribe()}\n",
            ),
            links,
            segment=Segment(any=topics),
            topics=topics,
            template="flash-brief",
            priority=Priority.URGENT if urgent else Priority.NORMAL,
            sender=SENDER,
            links=LINKS,
        )
        with transaction(self.engine) as session:
            campaign = campaigns_draft(session, what, brief_id=None, now=self.now)
            assert campaign.id is not None
            return campaign.id

    def approve(self, campaign_id: int, by: str = "Edna") -> None:
        with transaction(self.engine) as session:
            content_hash = lifecycle.get_campaign(session, campaign_id).content_hash
            lifecycle.approve(session, campaign_id, content_hash, by=by, now=self.now)

    def schedule(
        self,
        subject: str = "Storm",
        *topics: str,
        at: datetime | None = None,
        **fields: Any,
    ) -> int:
        """Have an approved campaign in the queue; return its number."""
        campaign_id = self.draft(subject, *topics, **fields)
        self.approve(campaign_id)
        with transaction(self.engine) as session:
            lifecycle.schedule(
                session, campaign_id, at or self.now, by="Edna", now=self.now
            )
        return campaign_id

    def do(self, action: Any, campaign_id: int) -> None:
        """Pause, resume or cancel a campaign."""
        with transaction(self.engine) as session:
            action(session, campaign_id, by="Edna", now=self.now)

    def worker(self, name: str = "worker") -> Worker:
        return Worker(
            self.engine, self.post, self.tokens, name=name, clock=lambda: self.now
        )

    def send_one(self) -> bool:
        """Let a worker send one batch; return whether there was one."""
        return asyncio.run(self.worker().run_once())

    def send_all(self) -> None:
        """Let a worker send until nothing is due."""
        while self.send_one():
            pass

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def token(self, purpose: Purpose, subscriber_id: int = 1, campaign: int = 1) -> str:
        return self.tokens.write(purpose, campaign, subscriber_id)

    def own_token(self, subscriber_id: int = 1, *, hours_old: int = 0) -> str:
        """Return the token of a link to what is a reader's own."""
        written = int(datetime.now(UTC).timestamp()) - hours_old * 3600
        return self.tokens.write(Purpose.OWN, written, subscriber_id)

    def hear(self, event: str, subscriber_id: int = 1, **told: Any) -> int:
        """Let SendGrid report something; return how many events were new."""
        body = self.webhook.body(
            event, self.token(Purpose.WATCH, subscriber_id), **told
        )
        with transaction(self.engine) as session:
            return record(
                session, sendgrid_webhook.events(body, self.tokens, now=self.now)
            )

    def report(self, campaign_id: int = 1) -> Report:
        with reading(self.engine) as session:
            return report(
                session, lifecycle.get_campaign(session, campaign_id), tracking=TRACKING
            )

    def states(self, campaign_id: int = 1) -> dict[DeliveryState, int]:
        """Return how many deliveries are in each state that has any."""
        return {s: n for s, n in self.report(campaign_id).states.items() if n}

    def status(self, campaign_id: int = 1) -> CampaignStatus:
        return self.report(campaign_id).status

    def people(self, kind: EventKind, campaign_id: int = 1) -> int:
        return self.report(campaign_id).people[kind]

    def get(self, table: type[Any], key: Any) -> Any:
        with Session(self.engine) as session:
            return session.get(table, key)

    def reason(self, subscriber_id: int = 1, campaign_id: int = 1) -> str:
        reason: str = self.get(Delivery, (campaign_id, subscriber_id)).reason
        return reason

    def campaign(self, campaign_id: int = 1) -> Campaign:
        found: Campaign = self.get(Campaign, campaign_id)
        return found
