"""A knock: somebody asked by a form to be let in, or to move to another address."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from flashmail.model.columns import Word

#: The source of a request that we ourselves make for an old address: the way back.
WAY_BACK = "way back"


class KnockState(StrEnum):
    """How far it has come."""

    ASKED = "asked"
    MAILED = "mailed"  # a confirmation was written to the address
    REFUSED = "refused"  # nothing was mailed; whoever asked is told nothing else
    CONFIRMED = "confirmed"
    WELCOMED = "welcomed"
    NEVER = "never"  # the address asked never to be mailed


class Knock(SQLModel, table=True):
    """Nothing of it holds before the address itself has confirmed it.

    `subscriber_id` is who wants to move to the address; of who wants to be let in it is
    None until they are. `topics` are the chosen frequencies by topic number.
    """

    __table_args__ = (Index("ix_knock_key", "key", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    address: str
    key: str
    subscriber_id: int | None = Field(default=None, index=True)
    moves: bool = False
    topics: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    language: str = ""
    state: KnockState = Field(
        default=KnockState.ASKED, sa_type=Word(KnockState), index=True
    )
    reason: str = ""
    network: str = ""
    source: str = ""
    wording: str = ""
    at: datetime
    mailed_at: datetime | None = None


class Farewell(SQLModel, table=True):
    """Why somebody left, as far as they liked to say. It does not say who."""

    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int
    reason: str
    words: str = ""
    day: str  # not the moment, which would tell whose it is


class Salt(SQLModel, table=True):
    """A secret of this database's own, by name."""

    name: str = Field(primary_key=True)
    value: str
