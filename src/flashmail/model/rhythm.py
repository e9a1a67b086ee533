"""A rhythm: when somebody wants to be left alone."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class Rhythm(SQLModel, table=True):
    """Only who asked for something has a row, so that the others cost nothing.

    `quiet` are hours of the day in the subscriber's time zone, as in `22:00-07:00`;
    empty is none. `cap` is how many briefs may come at once within 24 hours. Urgent
    briefs keep to all that, unless `urgent_anyway` lets them through; nothing comes
    before `paused_until`.
    """

    subscriber_id: int = Field(foreign_key="subscriber.id", primary_key=True)
    paused_until: datetime | None = None
    quiet: str = ""
    cap: int | None = None
    urgent_anyway: bool = False
