"""Schedules: what goes out again and again, and each time that it did."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from flashmail.model.columns import Word
from flashmail.model.owed import Path
from flashmail.model.subscriber import Frequency


class Schedule(SQLModel, table=True):
    """A digest that goes out at certain times of day.

    `days` are names as in `mon,wed`, or `*`; `at` is a time of day as in `07:30`, where
    each reader lives, or in `time_zone` for who does not say. It goes to those of a
    segment (`audience`, as JSON) who read so often. `approved_by` is who let it run for
    good.
    """

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    days: str
    at: str
    time_zone: str
    audience: dict[str, Any] = Field(sa_type=JSON)
    frequency: Frequency = Field(sa_type=Word(Frequency))
    template: str = "digest"
    active: bool = True
    approved_by: str
    created_at: datetime


class OccurrenceStatus(StrEnum):
    """What became of one time at which mail is due."""

    WAITING = "waiting"
    BEGUN = "begun"
    EMPTY = "empty"  # there was nothing to tell
    MISSED = "missed"


class Occurrence(SQLModel, table=True):
    """One moment at which what is owed to the readers of a time zone goes out.

    Its key makes sure that each happens once at most. `path` is daily, weekly or held;
    `zone` is as readers have it, empty for those who said nothing; `quiet` are the
    quiet hours that end then. `schedule_id` is 0 where flashmail's own hours apply.
    """

    __table_args__ = (
        UniqueConstraint("path", "schedule_id", "zone", "quiet", "at"),
        Index("ix_occurrence_due", "status", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    path: Path = Field(sa_type=Word(Path))
    schedule_id: int = 0
    zone: str = ""
    quiet: str = ""
    at: datetime
    status: OccurrenceStatus = Field(
        default=OccurrenceStatus.WAITING, sa_type=Word(OccurrenceStatus)
    )
