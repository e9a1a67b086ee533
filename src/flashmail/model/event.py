"""An event: what the world reported back about one delivery."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from flashmail.model.types import EnumText


class EventKind(StrEnum):
    """One vocabulary for every provider."""

    ACCEPTED = "accepted"  # the provider has it; told only where we did not know
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BLOCKED = "blocked"  # turned away this time
    BOUNCED = "bounced"  # turned away for good
    DROPPED = "dropped"  # the provider did not even try
    OPENED = "opened"
    CLICKED = "clicked"
    TRAPPED = "trapped"  # a link was followed that no reader sees
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    OTHER = "other"  # a word that we do not know: kept, without consequence


#: Events that tell of somebody's reading.
ENGAGEMENT = frozenset({EventKind.OPENED, EventKind.CLICKED, EventKind.TRAPPED})


class Actor(StrEnum):
    """The actor, as far as can be told."""

    HUMAN = "human"
    MACHINE = "machine"
    UNKNOWN = "unknown"


class Event(SQLModel, table=True):
    """Written once, never changed; its key is the provider's, so twice is once.

    `at` is when it happened by the reporter's clock, `recorded_at` by ours; `link` is
    the number of the link that was clicked.

    The `actor`, and why we think so, is judged from what is kept besides: the
    `seconds_after_delivery`, the family of programs (`user_agent`), the `network`
    (never the whole address), and whether the provider took it for a machine
    (`provider_says_machine`). It can be judged anew, and comes out the same.
    """

    __table_args__ = (
        Index("ix_event_campaign", "campaign_id", "kind", "subscriber_id"),
        Index("ix_event_subscriber", "subscriber_id", "kind"),
    )

    key: str = Field(primary_key=True)
    campaign_id: int
    subscriber_id: int
    kind: EventKind = Field(sa_type=EnumText(EventKind))
    at: datetime
    recorded_at: datetime
    link: int | None = None
    detail: str = ""
    actor: Actor = Field(default=Actor.UNKNOWN, sa_type=EnumText(Actor))
    actor_reason: str = ""
    seconds_after_delivery: float | None = None
    user_agent: str = ""
    network: str = ""
    provider_says_machine: bool = False


#: In place of a link's number: all of a campaign's links together, or an opening.
ALL_LINKS = -1


class EngagementTotal(SQLModel, table=True):
    """What is left of a campaign's events when they are erased, or was never more.

    `people` is how many had done it when they were erased, each of them counted as the
    most human that they were seen; `times` also counts readers without tracking.
    """

    __tablename__ = "engagement_total"

    campaign_id: int = Field(primary_key=True)
    kind: EventKind = Field(primary_key=True, sa_type=EnumText(EventKind))
    link: int = Field(primary_key=True)
    actor: Actor = Field(primary_key=True, sa_type=EnumText(Actor))
    people: int = 0
    times: int = 0


class CampaignFigures(SQLModel, table=True):
    """A campaign in numbers as they were at `counted_at`; see `reports.cached`.

    `seconds` is how long counting took: what takes long is counted less often.
    """

    __tablename__ = "campaign_figures"

    campaign_id: int = Field(foreign_key="campaign.id", primary_key=True)
    part: str = Field(primary_key=True)
    figures: dict[str, Any] = Field(sa_type=JSON)
    counted_at: datetime
    seconds: float


class HeadcountKind(StrEnum):
    """What people were counted by."""

    STATUS = "status"
    TOPIC = "topic"  # by its slug
    SEGMENT = "segment"  # by its name


class Headcount(SQLModel, table=True):
    """How many people there were on a day, of a status, topic or segment.

    The last count of a day stays, so that one sees them grow.
    """

    day: date = Field(primary_key=True)
    kind: HeadcountKind = Field(primary_key=True, sa_type=EnumText(HeadcountKind))
    name: str = Field(primary_key=True)
    people: int
    counted_at: datetime
