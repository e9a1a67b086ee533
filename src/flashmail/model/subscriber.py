"""Who receives mail, what they asked for, and whom we must leave alone."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Computed, Index, text
from sqlmodel import Field, SQLModel

from flashmail.model.columns import PLAIN_TEXT, Word


class SubscriberStatus(StrEnum):
    """Whether a person may be mailed; only ACTIVE gets briefs."""

    ACTIVE = "active"
    PENDING = "pending"  # asked to join, has not confirmed
    PAUSED = "paused"  # asked for a rest
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


#: Ways of having left. Nobody comes back from these by an import.
LEFT = frozenset(
    {
        SubscriberStatus.UNSUBSCRIBED,
        SubscriberStatus.BOUNCED,
        SubscriberStatus.COMPLAINED,
    }
)


class Frequency(StrEnum):
    """How often somebody wants to hear about a topic."""

    INSTANT = "instant"
    DAILY = "daily"
    WEEKLY = "weekly"
    URGENT = "urgent only"


class Subscriber(SQLModel, table=True):
    """A person with an address.

    `key` is the address as it is compared: two spellings of one mailbox have one key.
    `tracking_consent` is whether mails may tell what this person opens: yes, no, or
    None for somebody who was not asked; FLASHMAIL_TRACKING says what holds then.
    `name_key` is the name with A to Z in lower case, to be searched for.
    """

    __table_args__ = (
        Index("ix_subscriber_name", "name_key", "id"),
        # Few are in it, and whoever looks for the active ones goes another way.
        Index(
            "ix_subscriber_away",
            "status",
            sqlite_where=text("status <> 'active'"),
            postgresql_where=text("status <> 'active'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    address: str
    key: str = Field(unique=True, sa_type=PLAIN_TEXT)
    name: str = Field(default="", sa_type=PLAIN_TEXT)
    name_key: str | None = Field(
        default=None,
        sa_column=Column(
            PLAIN_TEXT, Computed("lower(name)", persisted=True), nullable=False
        ),
    )
    status: SubscriberStatus = Field(
        default=SubscriberStatus.ACTIVE, sa_type=Word(SubscriberStatus)
    )
    time_zone: str = ""
    language: str = ""
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime
    tracking_consent: bool | None = None


class Subscription(SQLModel, table=True):
    """A subscriber's wish to read about a topic."""

    __table_args__ = (
        # The audience asks "who follows this topic, and how often?" and need not look
        # further than here; a profile asks the other way.
        Index("ix_subscription_topic", "topic_id", "subscriber_id", "frequency"),
        # Most read at once; whoever plans the digests looks for the others.
        Index(
            "ix_subscription_slow",
            "topic_id",
            "subscriber_id",
            sqlite_where=text("frequency <> 'instant'"),
            postgresql_where=text("frequency <> 'instant'"),
        ),
        {"sqlite_with_rowid": False},
    )

    subscriber_id: int = Field(foreign_key="subscriber.id", primary_key=True)
    topic_id: int = Field(foreign_key="topic.id", primary_key=True)
    frequency: Frequency = Field(
        default=Frequency.INSTANT,
        sa_type=Word(Frequency),
        sa_column_kwargs={"server_default": text("'instant'")},
    )


class Suppression(SQLModel, table=True):
    """An address that gets no more mail. Outlives its subscriber and every import."""

    __table_args__ = (Index("ix_suppression_reason", "reason", "key"),)

    key: str = Field(primary_key=True, sa_type=PLAIN_TEXT)
    reason: SubscriberStatus = Field(sa_type=Word(SubscriberStatus))
    since: datetime
    detail: str = ""
