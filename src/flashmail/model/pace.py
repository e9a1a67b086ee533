"""The pace of a transport: up to when its next moments are taken."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class Pace(SQLModel, table=True):
    """A row for each limit, shared by all workers.

    Who wants to send n mails at r a second takes the next n/r seconds for itself by
    moving `taken_until` on; see `sending.engine.pace`.
    """

    name: str = Field(primary_key=True)
    taken_until: datetime
