"""People that receive mail, what they asked for, and the addresses we leave alone."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Computed, Index, text
from sqlmodel import Field, SQLModel

from flashmail.model.types import PLAIN_TEXT, EnumText


class SubscriberStatus(StrEnum):
    """Whether a person may be mailed; only ACTIVE gets briefs."""

    ACTIVE = "active"
    PENDING = "pending"  # asked to join, has not confirmed
    PAUSED = "paused"  # asked for a rest
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


#: Ways of having left. Nobody comes back from these by an import.
OPTED_OUT = frozenset(
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
    None for a person that was not asked; FLASHMAIL_TRACKING says what holds then.
    `name_key` is the name with A to Z in lower case, to be searched for.
    """

    __table_args__ = (
        Index("ix_subscriber_name", "name_key", "id"),
        # Few are in it, and a query for the active ones goes another way.
        Index(
            "ix_subscriber_away",
            "status",
            sqlite_where=text("status <> 'active'"),
            postgresql_where=text("status <> 'active'"),
        ),
        # Links in old mails hold the id: it must never be another person's.
        {"sqlite_autoincrement": True},
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
        default=SubscriberStatus.ACTIVE, sa_type=EnumText(SubscriberStatus)
    )
    time_zone: str = ""
    language: str = ""
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime
    tracking_consent: bool | None = None


class Subscription(SQLModel, table=True):
    """A subscriber's wish to read about a topic."""

    __table_args__ = (
        # The audience asks for the followers of a topic, and how often, and need not
        # look further than here; a profile asks the other way.
        Index("ix_subscription_topic", "topic_id", "subscriber_id", "frequency"),
        # Most read at once; the planner of digests looks for the others.
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
        sa_type=EnumText(Frequency),
        sa_column_kwargs={"server_default": text("'instant'")},
    )


class Suppression(SQLModel, table=True):
    """An address that gets no more mail. Outlives its subscriber and every import."""

    __table_args__ = (Index("ix_suppression_reason", "reason", "key"),)

    key: str = Field(primary_key=True, sa_type=PLAIN_TEXT)
    reason: SubscriberStatus = Field(sa_type=EnumText(SubscriberStatus))
    since: datetime
    detail: str = ""


class ConsentKind(StrEnum):
    """What it was about."""

    JOIN = "join"
    TOPICS = "topics"
    TRACKING = "tracking"
    ADDRESS = "address"
    LEAVE = "leave"


class Consent(SQLModel, table=True):
    """One word given or taken back. Only ever added to.

    `wording` is the version of the text that was shown, `source` where it was, and
    `network` the first part of the address it came from (24 bits, of IPv6 48).
    """

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = Field(index=True)
    kind: ConsentKind = Field(sa_type=EnumText(ConsentKind))
    at: datetime
    wording: str
    source: str
    network: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


#: The source of a request that flashmail makes for the old address after a change of
#: address: confirming it undoes the change.
UNDO_REQUEST = "undo"


class RequestState(StrEnum):
    """How far a subscription request has come."""

    PENDING = "pending"
    MAILED = "mailed"  # a confirmation was written to the address
    REFUSED = "refused"  # nothing was mailed; the visitor is told nothing else
    CONFIRMED = "confirmed"
    WELCOMED = "welcomed"
    BLOCKED = "blocked"  # the address asked never to be mailed


class SubscriptionRequest(SQLModel, table=True):
    """Nothing of it holds before the address itself has confirmed it.

    `subscriber_id` is the one to move to the address; of a request to join it is
    None until they are. `topics` are the chosen frequencies by topic number.
    """

    __tablename__ = "subscription_request"

    __table_args__ = (Index("ix_subscription_request_key", "key", "created_at"),)

    id: int | None = Field(default=None, primary_key=True)
    address: str
    key: str
    subscriber_id: int | None = Field(default=None, index=True)
    changes_address: bool = False
    topics: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    language: str = ""
    state: RequestState = Field(
        default=RequestState.PENDING, sa_type=EnumText(RequestState), index=True
    )
    reason: str = ""
    network: str = ""
    source: str = ""
    form_version: str = ""
    created_at: datetime
    mailed_at: datetime | None = None


class UnsubscribeFeedback(SQLModel, table=True):
    """Why a subscriber left, as far as they liked to say, without a name or number."""

    __tablename__ = "unsubscribe_feedback"

    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int
    reason: str
    comment: str = ""
    day: str  # not the moment, which would tell the person


class Salt(SQLModel, table=True):
    """A secret of this database's own, by name."""

    name: str = Field(primary_key=True)
    value: str


class DeliveryPreferences(SQLModel, table=True):
    """Only a person that asked for something has a row, so that the others cost
    nothing.

    `quiet_hours` are hours of the day in the subscriber's time zone, as in
    `22:00-07:00`; empty is none. `daily_limit` is how many briefs may come at once
    within 24 hours. Urgent briefs keep to all that, unless `urgent_overrides` lets them
    through; nothing comes before `paused_until`.
    """

    __tablename__ = "delivery_preferences"

    subscriber_id: int = Field(foreign_key="subscriber.id", primary_key=True)
    paused_until: datetime | None = None
    quiet_hours: str = ""
    daily_limit: int | None = None
    urgent_overrides: bool = False


class SavedSegment(SQLModel, table=True):
    """A segment that staff made by clicks.

    `key` is its name as it is compared; no two are called alike, nor like one of the
    file. `rule` is the segment as JSON (see `audience.segment`).
    """

    __tablename__ = "segment"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    key: str = Field(index=True)
    rule: dict[str, Any] = Field(sa_type=JSON)
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
    deleted_at: datetime | None = None


class Topic(SQLModel, table=True):
    """A row for each topic of `subscribers/topics.toml`, which is the truth.

    A topic that left the file keeps its row, with `retired` set: people may still
    follow it, and old campaigns name it.
    """

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    slug: str = Field(unique=True)
    parent_id: int | None = Field(default=None, foreign_key="topic.id")
    private: bool = False
    retired: bool = False
