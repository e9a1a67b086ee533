"""An event: what the world reported back about one delivery."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from flashmail.model.columns import Word


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
    """Who did it, as far as can be told."""

    HUMAN = "human"
    MACHINE = "machine"
    UNKNOWN = "unknown"


class Event(SQLModel, table=True):
    """Written once, never changed; its key is the provider's, so twice is once.

    `at` is when it happened by the reporter's clock, `recorded_at` by ours; `link` is
    the number of the link that was clicked.

    Who did it (`actor`, and why we think so) is judged from what is kept besides: how
    many seconds `after` the mail was delivered, the family of programs (`agent`), the
    `network` (never the whole address), and whether the provider took it for a machine
    (`flagged`). It can be judged anew, and comes out the same.
    """

    __table_args__ = (
        Index("ix_event_campaign", "campaign_id", "kind", "subscriber_id"),
        Index("ix_event_subscriber", "subscriber_id", "kind"),
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
    after: float | None = None
    agent: str = ""
    network: str = ""
    flagged: bool = False
