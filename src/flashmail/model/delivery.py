"""A delivery: one campaign to one subscriber, at most once; and batches of them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from flashmail.model.types import EnumText


class DeliveryState(StrEnum):
    """How far one mail has come, as far as we know. Each delivery is in exactly one."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # a worker has it in hand
    ARMED = "armed"  # the bytes that can cause acceptance may be on their way
    SENT = "sent"  # the provider accepted it
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    FAILED = "failed"
    SKIPPED = "skipped"  # with the reason
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # perhaps accepted; never handed over again by itself


#: States in which something is still to be done.
UNFINISHED = frozenset(
    {DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.ARMED}
)


class Delivery(SQLModel, table=True):
    """The promise that a campaign reaches this subscriber no more than once.

    The key is the pair itself, so a second row cannot exist. There are no foreign keys:
    a million of them are checked one by one while a campaign is addressed, and the rows
    outlive what they point to.
    """

    __table_args__ = ({"sqlite_with_rowid": False},)

    campaign_id: int = Field(primary_key=True)
    subscriber_id: int = Field(primary_key=True)
    state: DeliveryState = Field(
        default=DeliveryState.QUEUED, sa_type=EnumText(DeliveryState)
    )
    attempts: int = 0
    reason: str = ""
    retryable: bool = False  # it failed, but not because of the address
    state_since: datetime  # when it came into this state


class BatchState(StrEnum):
    """Whether a batch waits for a worker, has one, or holds nothing to do any more."""

    OPEN = "open"
    CLAIMED = "claimed"
    DONE = "done"


class Batch(SQLModel, table=True):
    """Some hundreds of deliveries that one worker claims at once.

    They are the campaign's deliveries with a subscriber id in first_id..last_id. The
    fence grows by one with every claim: a holder of an older number can change nothing.
    """

    __table_args__ = (Index("ix_batch_due", "state", "campaign_id", "ready_at"),)

    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id")
    first_id: int
    last_id: int
    state: BatchState = Field(default=BatchState.OPEN, sa_type=EnumText(BatchState))
    ready_at: datetime
    worker: str = ""
    marks_in_journal: bool = False  # what it armed stands in the worker's journal
    lease_until: datetime | None = None
    fence: int = 0


class Instance(SQLModel, table=True):
    """A home that has sent, or was let to, and how often it has claimed since.

    The home keeps the same number in a file. A database that was restored from a backup
    knows of fewer claims than the file, and a copied home has another fingerprint:
    either must not send before a person has looked. See `delivery.instance`.
    """

    token: str = Field(primary_key=True)
    fingerprint: str
    claims: int = 0


class RateLimit(SQLModel, table=True):
    """A row for each limit, shared by all workers.

    A worker that is to send n mails at r a second takes the next n/r seconds for itself
    by moving `reserved_until` on; see `delivery.rate_limit`.
    """

    __tablename__ = "rate_limit"

    name: str = Field(primary_key=True)
    reserved_until: datetime
