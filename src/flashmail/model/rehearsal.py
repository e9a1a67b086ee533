"""A rehearsal: a campaign sent to nobody, to see what would go out to whom."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, LargeBinary
from sqlmodel import Field, SQLModel


class Rehearsal(SQLModel, table=True):
    """What a rehearsal found, and so what an approver has seen.

    `content_digest` is the campaign's `message_digest` at that time, `audience_digest`
    the SHA-256 of whom it meant, kept in `crowd` (see `sending.approve.crowd`).
    `left_out` and `refused` count people by the reason; `sizes` are the smallest and
    the largest mail in bytes. `usual` is how many such campaigns had lately, None for
    the first one.
    """

    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    at: datetime
    who: str
    content_digest: str
    audience_digest: str
    meant: int
    crowd: bytes = Field(sa_type=LargeBinary)
    left_out: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    refused: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    sizes: list[int] = Field(default_factory=list, sa_type=JSON)
    usual: int | None = None
    subject: str
    text: str
