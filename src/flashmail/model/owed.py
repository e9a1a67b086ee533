"""What is owed: briefs to those who do not get them at once, and what came of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from flashmail.model.columns import Word


class Path(StrEnum):
    """By which way a brief reaches somebody. Each pair has exactly one."""

    AT_ONCE = "at once"
    DAILY = "daily"
    WEEKLY = "weekly"
    HELD = "held"  # until the quiet hours are over
    CAPPED = "capped"  # over the reader's limit: with the next daily digest
    NONE = "none"


class OwedState(StrEnum):
    """What came of it."""

    WAITING = "waiting"
    BUNDLED = "bundled"  # in a campaign of its own; its delivery tells the rest
    LEFT_OUT = "left out"  # with the reason


class LeftOut(StrEnum):
    """Why a brief that was owed does not come."""

    PAUSED = "paused"
    GONE = "gone"  # the reader left, or may not be mailed
    UNFOLLOWED = "unfollowed"
    REPLACED = "replaced"  # a later form of it came, or comes
    WITHDRAWN = "withdrawn"  # the campaign was cancelled, or the brief taken back


class Owed(SQLModel, table=True):
    """A campaign's brief to somebody who does not get it at once.

    Who gets it at once has a Delivery of the same campaign instead: a pair has one of
    the two, never both. `topic_id` is the topic followed that brought it, 0 where none
    did; `bundle_id` the campaign that took it to the reader. As with deliveries there
    are no foreign keys.
    """

    __table_args__ = (
        Index("ix_owed_occurrence", "occurrence_id", "state"),
        Index("ix_owed_reader", "subscriber_id"),
        Index("ix_owed_bundle", "bundle_id"),
        {"sqlite_with_rowid": False},
    )

    campaign_id: int = Field(primary_key=True)
    subscriber_id: int = Field(primary_key=True)
    path: Path = Field(sa_type=Word(Path))
    topic_id: int = 0
    state: OwedState = Field(default=OwedState.WAITING, sa_type=Word(OwedState))
    reason: LeftOut | None = Field(default=None, sa_type=Word(LeftOut))
    occurrence_id: int | None = None
    bundle_id: int | None = None
    at: datetime  # when it came into this state
