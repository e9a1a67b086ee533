"""Schedules: what goes out again and again, and each time that it did."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from flashmail.model.subscriber import Frequency
from flashmail.model.types import EnumText


class Timing(StrEnum):
    """By which way a brief reaches somebody. Each pair has exactly one."""

    AT_ONCE = "at once"
    DAILY = "daily"
    WEEKLY = "weekly"
    HELD = "held"  # until the quiet hours are over
    CAPPED = "capped"  # over the reader's limit: with the next daily digest
    NONE = "none"


class DigestItemState(StrEnum):
    """What came of it."""

    WAITING = "waiting"
    BUNDLED = "bundled"  # in a campaign of its own; its delivery tells the rest
    DROPPED = "dropped"  # with the reason


class DropReason(StrEnum):
    """Why a brief that was owed does not come."""

    PAUSED = "paused"
    GONE = "gone"  # the reader left, or may not be mailed
    UNFOLLOWED = "unfollowed"
    REPLACED = "replaced"  # a later form of it came, or comes
    WITHDRAWN = "withdrawn"  # the campaign was cancelled, or the brief taken back


class DigestItem(SQLModel, table=True):
    """A campaign's brief to a subscriber that does not get it at once.

    A subscriber that gets the brief at once has a Delivery of the same campaign
    instead: a pair has one of the two, never both. `topic_id` is the topic followed
    that brought it, 0 where none did; `digest_campaign_id` is the campaign that took it
    to the subscriber. As with deliveries there are no foreign keys.
    """

    __tablename__ = "digest_item"

    __table_args__ = (
        Index("ix_digest_item_edition", "edition_id", "state"),
        Index("ix_digest_item_subscriber", "subscriber_id"),
        Index("ix_digest_item_campaign", "digest_campaign_id"),
        {"sqlite_with_rowid": False},
    )

    campaign_id: int = Field(primary_key=True)
    subscriber_id: int = Field(primary_key=True)
    timing: Timing = Field(sa_type=EnumText(Timing))
    topic_id: int = 0
    state: DigestItemState = Field(
        default=DigestItemState.WAITING, sa_type=EnumText(DigestItemState)
    )
    reason: DropReason | None = Field(default=None, sa_type=EnumText(DropReason))
    edition_id: int | None = None
    digest_campaign_id: int | None = None
    state_since: datetime  # when it came into this state


class Schedule(SQLModel, table=True):
    """A digest that goes out at certain times of day.

    `days` are names as in `mon,wed`, or `*`; `at` is a time of day as in `07:30`, where
    each reader lives, or in `time_zone` without one. It goes to those of a
    segment (`audience`, as JSON) that read so often. `approved_by` let it run for
    good.
    """

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    days: str
    at: str
    time_zone: str
    audience: dict[str, Any] = Field(sa_type=JSON)
    frequency: Frequency = Field(sa_type=EnumText(Frequency))
    template: str = "digest"
    active: bool = True
    approved_by: str
    created_at: datetime


class EditionStatus(StrEnum):
    """What became of one time at which mail is due."""

    WAITING = "waiting"
    BEGUN = "begun"
    EMPTY = "empty"  # there was nothing to tell
    MISSED = "missed"


class Edition(SQLModel, table=True):
    """One moment at which what is owed to the readers of a time zone goes out.

    Its key makes sure that each happens once at most. `timing` is daily, weekly or
    held; `zone` is as readers have it, empty for readers without one; `quiet_hours`
    are those that end then. `schedule_id` is 0 where flashmail's own hours apply.
    """

    __tablename__ = "edition"

    __table_args__ = (
        UniqueConstraint("timing", "schedule_id", "zone", "quiet_hours", "at"),
        Index("ix_edition_due", "status", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    timing: Timing = Field(sa_type=EnumText(Timing))
    schedule_id: int = 0
    zone: str = ""
    quiet_hours: str = ""
    at: datetime
    status: EditionStatus = Field(
        default=EditionStatus.WAITING, sa_type=EnumText(EditionStatus)
    )
