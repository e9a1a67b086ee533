"""What somebody agreed to or took back: when, where, and in which words."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from flashmail.model.columns import Word


class ConsentKind(StrEnum):
    """What it was about."""

    JOIN = "join"
    TOPICS = "topics"
    TRACKING = "tracking"
    ADDRESS = "address"
    LEAVE = "leave"


class Consent(SQLModel, table=True):
    """One word given or taken back. Only ever added to.

    `wording` is the version of the text that was shown, `source` where it was, and
    `network` the first part of the address it came from (24 bits, of IPv6 48).
    """

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = Field(index=True)
    kind: ConsentKind = Field(sa_type=Word(ConsentKind))
    at: datetime
    wording: str
    source: str
    network: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
