"""Scenes of the planner: readers with habits, briefs that are told, clocks."""

from datetime import date, timedelta
from typing import Any

from sqlmodel import col, select

from flashmail import briefs
from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.campaigns import briefs as stored
from flashmail.campaigns import lifecycle
from flashmail.campaigns.content import CampaignContent, compose
from flashmail.database import reading, transaction
from flashmail.digests.composing import DigestContent
from flashmail.digests.runner import start_due_digests
from flashmail.message import Message
from flashmail.model import (
    Campaign,
    DeliveryPreferences,
    DigestItem,
    Frequency,
    Priority,
    Schedule,
    Subscription,
)
from office import LINKS, SENDER, Office

GRACE = timedelta(minutes=15)


def make(digest: DigestContent) -> CampaignContent:
    """A digest whose subject names its briefs."""
    every = [each.title for group in digest.groups for each in group.briefs]
    topics = tuple(group.topic for group in digest.groups if group.topic)
    return compose(
        Message(" + ".join(every), "", LINKS.unsubscribe()),
        (),
        segment=Segment(any=topics),
        topics=topics,
        template="digest",
        priority=Priority.NORMAL,
        sender=SENDER,
        links=LINKS,
        frequency=digest.frequency,
    )


def schedule(office: Office, *topics: str, **fields: Any) -> None:
    """Have a digest of topics; daily at 07:00 UTC where nothing else is said."""
    for topic in topics:
        office.topic(topic)
    given: dict[str, Any] = {
        "name": "Morning",
        "days": "*",
        "at": "07:00",
        "time_zone": "UTC",
        "frequency": Frequency.DAILY,
        "approved_by": "Edna",
        "created_at": office.now,
    }
    audience = Segment(any=topics).as_json()
    with transaction(office.engine) as session:
        session.add(Schedule(audience=audience, **given | fields))


def tell(
    office: Office,
    title: str,
    *topics: str,
    urgent: bool = False,
    corrects: int | None = None,
) -> int:
    """Send a brief now to those who read it at once; return its campaign's number."""
    topics = topics or ("Iran",)
    text = briefs.write_markdown(Brief(title, date(2026, 3, 2), topics=topics))
    campaign_id = office.draft(title, *topics, urgent=urgent)
    with transaction(office.engine) as session:
        brief_id = stored.store_brief(session, title, "", text, now=office.now)
        campaign = session.get_one(Campaign, campaign_id)
        campaign.brief_id, campaign.amends_id = brief_id, corrects
    office.approve(campaign_id)
    with transaction(office.engine) as session:
        lifecycle.schedule(session, campaign_id, office.now, by="Edna", now=office.now)
    office.send_all()
    return campaign_id


def look(office: Office) -> list[int]:
    """Let a scheduler look at the clock, and a worker send."""
    begun = start_due_digests(office.engine, make, missed_after=GRACE, now=office.now)
    office.send_all()
    return begun


def at(office: Office, hour: int, minute: int = 0, *, days: int = 0) -> None:
    """Let it become a time of day, UTC, that looks at the clock."""
    there = office.now.replace(hour=hour, minute=minute) + timedelta(days=days)
    office.now = there
    look(office)


def reads(
    office: Office, name: str, frequency: Frequency, *topics: str, **fields: Any
) -> int:
    """Have a reader of topics at a frequency, with delivery preferences if given."""
    preferences = {
        key: fields.pop(key)
        for key in DeliveryPreferences.model_fields
        if key in fields
    }
    reader = office.subscribe(name, *(topics or ("Iran",)), **fields)
    with transaction(office.engine) as session:
        for row in session.exec(
            select(Subscription).where(col(Subscription.subscriber_id) == reader)
        ):
            row.frequency = frequency
        if preferences:
            session.add(DeliveryPreferences(subscriber_id=reader, **preferences))
    return reader


def mails(office: Office) -> list[tuple[str, str]]:
    """Return who got what, in the order in which it went out."""
    return [
        (recipient.address.partition("@")[0], message.subject)
        for message, recipient in office.post.sent
    ]


def owed(office: Office, campaign_id: int, reader: int) -> DigestItem:
    row: DigestItem = office.get(DigestItem, (campaign_id, reader))
    return row


def all_owed(office: Office) -> list[DigestItem]:
    with reading(office.engine) as session:
        return list(session.exec(select(DigestItem)))
