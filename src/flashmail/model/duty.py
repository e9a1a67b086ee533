"""A duty: what one process does for all, and until when it is that one's."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class Duty(SQLModel, table=True):
    """Whoever holds it renews it in time; when it is not, another process takes it."""

    name: str = Field(primary_key=True)
    holder: str
    until: datetime
