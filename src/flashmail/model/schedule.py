"""Schedules: what goes out again and again, and each time that it did."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from flashmail.model.columns import Word
from flashmail.model.subscriber import Frequency


class Schedule(SQLModel, table=True):
    """A digest that goes out at certain times of day, somewhere.

    `days` are names as in `mon,wed`, or `*`; `at` is a time of day as in `07:30`, in
    `time_zone`. It goes to those of a segment (`audience`, as JSON) who read so often.
    `approved_by` is who let it run for good.
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
    """What became of one of a schedule's times."""

    BEGUN = "begun"
    EMPTY = "empty"  # there was nothing to tell
    MISSED = "missed"


class Occurrence(SQLModel, table=True):
    """One time of a schedule. Its key makes sure that each happens once at most."""

    schedule_id: int = Field(foreign_key="schedule.id", primary_key=True)
    at: datetime = Field(primary_key=True)
    status: OccurrenceStatus = Field(sa_type=Word(OccurrenceStatus))
    campaign_id: int | None = Field(default=None, foreign_key="campaign.id")
