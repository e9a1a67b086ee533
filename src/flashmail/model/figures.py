"""Figures that were counted before somebody asks: counting a million takes a while."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from flashmail.model.columns import Word


class CampaignFigures(SQLModel, table=True):
    """A campaign in numbers as they were at `counted_at`; see `reports.kept`.

    `seconds` is how long counting took: what takes long is counted less often.
    """

    __tablename__ = "campaign_figures"

    campaign_id: int = Field(foreign_key="campaign.id", primary_key=True)
    part: str = Field(primary_key=True)
    figures: dict[str, Any] = Field(sa_type=JSON)
    counted_at: datetime
    seconds: float


class Crowd(StrEnum):
    """What people were counted by."""

    STATUS = "status"
    TOPIC = "topic"  # by its slug
    SEGMENT = "segment"  # by its name


class Headcount(SQLModel, table=True):
    """How many people there were on a day, of a status, topic or segment.

    The last count of a day stays, so that one sees them grow.
    """

    day: date = Field(primary_key=True)
    crowd: Crowd = Field(primary_key=True, sa_type=Word(Crowd))
    name: str = Field(primary_key=True)
    people: int
    counted_at: datetime
