"""A lone approval: somebody could not wait for a second person, and said why."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class LoneApproval(SQLModel, table=True):
    """An approval of one's own campaign, until somebody else has looked at it."""

    __tablename__ = "lone_approval"

    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    who: str
    reason: str
    at: datetime
    reviewed_by: str = ""
    reviewed_at: datetime | None = Field(default=None, index=True)
