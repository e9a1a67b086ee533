"""A letter: one mail to a member of staff, which is no campaign."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from flashmail.model.types import EnumText

#: The requester of a mail to the address that a reader moved away from.
MOVE = "a move"


class TransactionalState(StrEnum):
    """How far a letter has come."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # perhaps handed over; never a second time
    SENT = "sent"
    FAILED = "failed"


class TransactionalMail(SQLModel, table=True):
    """Something staff have to know, or a campaign as a test.

    With a `campaign_id` it is that campaign's mail as `address` would get it, and has
    no text of its own.
    """

    __tablename__ = "transactional_mail"

    id: int | None = Field(default=None, primary_key=True)
    address: str = Field(index=True)
    campaign_id: int | None = Field(default=None, foreign_key="campaign.id", index=True)
    subject: str = ""
    text: str = ""
    state: TransactionalState = Field(
        default=TransactionalState.QUEUED,
        sa_type=EnumText(TransactionalState),
        index=True,
    )
    reason: str = ""
    asked_by: str
    at: datetime
