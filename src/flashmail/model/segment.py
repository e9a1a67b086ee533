"""Segments that were made in the page; those of segments.toml have no rows."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel


class StoredSegment(SQLModel, table=True):
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
