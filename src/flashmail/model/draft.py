"""A brief as it is written: its text, its earlier versions, approvals of its quotes."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel


class Draft(SQLModel, table=True):
    """A brief that editors work on, in the Markdown form that flashmail writes.

    `version` is the number of the version it has now: saving names the one that was on
    the screen, and is refused when another one has been saved since. `topics` are those
    of the last version that was a brief: editors limited to topics find it by them.
    `warnings` are what reading the original left open, as
    {"line", "message", "said"}, until an editor has looked at them.
    """

    __tablename__ = "draft"

    id: int | None = Field(default=None, primary_key=True)
    title: str
    markdown: str
    topics: list[str] = Field(default_factory=list, sa_type=JSON)
    version: int = 1
    embargo_until: datetime | None = None
    warnings: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    created_at: datetime
    created_by: str
    changed_at: datetime = Field(index=True)
    changed_by: str
    discarded_at: datetime | None = None


class DraftVersion(SQLModel, table=True):
    """One form that a draft had.

    `origin` says how it came about, `editor_tab` on which page it was written: going
    on writing there is not in their own way. A `conflicting` version
    was refused, as another had been saved in between: it is kept, so that nothing is
    lost. Rows are only added, except that of what is saved while typing one in five
    minutes is kept.
    """

    __tablename__ = "draft_version"

    draft_id: int = Field(foreign_key="draft.id", primary_key=True)
    number: int = Field(primary_key=True)
    markdown: str
    at: datetime
    saved_by: str
    origin: str = "saved"
    editor_tab: str = ""
    conflicting: bool = False


class QuoteApproval(SQLModel, table=True):
    """A person stands by a quote, word for word.

    `quote_hash` is the SHA-256 of its text, person and role: a changed quote lost its
    approval.
    """

    __tablename__ = "quote_approval"

    draft_id: int = Field(foreign_key="draft.id", primary_key=True)
    quote_hash: str = Field(primary_key=True, index=True)
    approved_by: str  # the person quoted, or another one on their behalf
    noted_by: str  # the member of staff that noted it
    at: datetime
