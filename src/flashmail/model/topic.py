"""A topic: a tag that one can follow."""

from sqlmodel import Field, SQLModel


class Topic(SQLModel, table=True):
    """A row for each topic of `subscribers/topics.toml`, which is the truth.

    A topic that left the file keeps its row, with `retired` set: people may still
    follow it, and old campaigns name it.
    """

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    slug: str = Field(unique=True)
    parent_id: int | None = Field(default=None, foreign_key="topic.id")
    private: bool = False
    retired: bool = False
