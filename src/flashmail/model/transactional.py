"""Transactional mails: mails to one person that are no campaign."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from flashmail.model.types import EnumText


class TransactionalKind(StrEnum):
    """What a transactional mail is for."""

    TEST = "test"  # a campaign as its readers would get it, to staff
    STAFF_NOTICE = "staff notice"
    DATA_LINK = "data link"  # to a reader's own data
    ADDRESS_CHANGED = "address changed"  # to the old address
    CONFIRMATION = "confirmation"  # of a subscription request
    WELCOME = "welcome"


class TransactionalState(StrEnum):
    """How far a transactional mail has come."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # perhaps handed over; never a second time
    SENT = "sent"
    FAILED = "failed"


class TransactionalMail(SQLModel, table=True):
    """One mail in the queue of `flashmail.transactional`.

    A test has a `campaign_id`, a confirmation or welcome a `request_id`; they are
    composed when they are sent. The others have `subject` and `text` of their own.
    """

    __tablename__ = "transactional_mail"

    id: int | None = Field(default=None, primary_key=True)
    kind: TransactionalKind = Field(sa_type=EnumText(TransactionalKind))
    address: str = Field(index=True)
    campaign_id: int | None = Field(default=None, foreign_key="campaign.id", index=True)
    request_id: int | None = Field(default=None, index=True)
    subject: str = ""
    text: str = ""
    state: TransactionalState = Field(
        default=TransactionalState.QUEUED,
        sa_type=EnumText(TransactionalState),
        index=True,
    )
    reason: str = ""
    requested_by: str = ""
    created_at: datetime
    retry_at: datetime | None = None  # not before, once it was put off
