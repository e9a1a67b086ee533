"""A task: long work that somebody started in a page, and how far it has come."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from flashmail.model.types import EnumText


class LeaderLease(SQLModel, table=True):
    """Its holder renews it in time; when it is not, another process takes it."""

    __tablename__ = "leader_lease"

    name: str = Field(primary_key=True)
    holder: str
    expires_at: datetime


class TaskStatus(StrEnum):
    """Where a task stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Task(SQLModel, table=True):
    """Work with a beginning and an end. `total` is 0 as long as nobody knows it.

    `outcome` is what it found, for the page at `then` to show; `note` says why it
    failed. `seen_at` moves on while it runs: where it stands still, the work was cut
    short.
    """

    id: int | None = Field(default=None, primary_key=True)
    title: str
    started_by: str
    status: TaskStatus = Field(default=TaskStatus.RUNNING, sa_type=EnumText(TaskStatus))
    done: int = 0
    total: int = 0
    note: str = ""
    outcome: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    then: str = ""
    begun_at: datetime
    seen_at: datetime
