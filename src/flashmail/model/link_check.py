"""What became of following a link, before a mail that holds it goes out."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from flashmail.model.columns import Word


class LinkState(StrEnum):
    """What became of the attempt to follow a link."""

    ASKED = "asked"  # nobody has tried yet
    ALIVE = "alive"
    DEAD = "dead"
    UNSURE = "unsure"  # refused, or slow: programs are turned away that people are not


class LinkCheck(SQLModel, table=True):
    """A link that somebody wants to send, and how it was found when it was followed."""

    __tablename__ = "link_check"

    url: str = Field(primary_key=True)
    state: LinkState = Field(
        default=LinkState.ASKED, sa_type=Word(LinkState), index=True
    )
    note: str = ""
    asked_at: datetime
    checked_at: datetime | None = None
