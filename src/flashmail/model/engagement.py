"""Engagement without people: how often a thing was opened and clicked, no more."""

from sqlmodel import Field, SQLModel

from flashmail.model.columns import Word
from flashmail.model.event import Actor, EventKind

#: In place of a link's number: all of a campaign's links together, or an opening.
ALL = -1


class EngagementTotal(SQLModel, table=True):
    """What is left of a campaign's events when they are erased, or was never more.

    `people` is how many had done it when they were erased, each of them counted as the
    most human that they were seen; `times` also counts those who may not be watched.
    """

    __tablename__ = "engagement_total"

    campaign_id: int = Field(primary_key=True)
    kind: EventKind = Field(primary_key=True, sa_type=Word(EventKind))
    link: int = Field(primary_key=True)
    actor: Actor = Field(primary_key=True, sa_type=Word(Actor))
    people: int = 0
    times: int = 0
