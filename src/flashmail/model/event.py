"""An event: what the world reported back about one delivery."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from flashmail.model.columns import Word


class EventKind(StrEnum):
    """One vocabulary for every provider."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BLOCKED = "blocked"  # turned away this time
    BOUNCED = "bounced"  # turned away for good
    DROPPED = "dropped"  # the provider did not even try
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


class Actor(StrEnum):
    """Who did it, as far as can be told."""

    HUMAN = "human"
    MACHINE = "machine"
    UNKNOWN = "unknown"


class Event(SQLModel, table=True):
    """Written once, never changed; its key is the provider's, so twice is once.

    `at` is when it happened by the reporter's clock, `recorded_at` by ours; `link` is
    the number of the link that was clicked.
    """

    __table_args__ = (
        Index("ix_event_campaign", "campaign_id", "kind", "subscriber_id"),
    )

    key: str = Field(primary_key=True)
    campaign_id: int
    subscriber_id: int
    kind: EventKind = Field(sa_type=Word(EventKind))
    at: datetime
    recorded_at: datetime
    link: int | None = None
    detail: str = ""
    actor: Actor = Field(default=Actor.UNKNOWN, sa_type=Word(Actor))
    actor_reason: str = ""
