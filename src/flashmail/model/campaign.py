"""A campaign: one brief on its way to its readers, frozen as approved."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, Integer, LargeBinary, or_
from sqlmodel import Field, SQLModel, col

from flashmail.model.subscriber import Frequency
from flashmail.model.types import EnumText


class CampaignStatus(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    CANCELLED = "cancelled"
    MISSED = "missed"  # its time went by while nobody was there to send it


class Priority(IntEnum):
    """The place in the queue; urgent mail takes no other path."""

    NORMAL = 0
    URGENT = 1


class AmendmentKind(StrEnum):
    """What a campaign is to the one that it corrects, and so its audience."""

    REST = "rest"  # the mended brief, to readers that did not get the first
    CORRECTION = "correction"  # to readers that got it, or may have
    RETRACTION = "retraction"  # to the same: the brief is taken back


class StoredBrief(SQLModel, table=True):
    """A brief as it was sent, in the Markdown form that flashmail writes."""

    __tablename__ = "brief"

    id: int | None = Field(default=None, primary_key=True)
    title: str
    date: str
    markdown: str
    content_hash: str = Field(unique=True)
    created_at: datetime
    embargo_until: datetime | None = None  # nobody outside sees it before

    @classmethod
    def lifted(cls, now: datetime) -> ColumnElement[bool]:
        """Return `briefs.brief.lifted` as a condition on this table."""
        until = col(cls.embargo_until)
        return or_(until.is_(None), until <= now)


class Campaign(SQLModel, table=True):
    """What was approved, kept as it was approved.

    `audience` is the segment as JSON (see `audience.segment`), `headers` a list of
    [name, value]; `content_hash` is the SHA-256 of the message, the links and the
    segment; `approved_hash` is what the approver saw, and must equal it.

    `amendment_text` is what a campaign that amends another (`amends_id`) tells its
    readers of it: what was put right, or why it is taken back.

    `created_by` and `approved_by` are how a member of staff signs in, or the name of
    what did it.
    """

    # All that they are listed by: a row has its mail in it, and is long to read.
    __table_args__ = (
        Index("ix_campaign_listed", "status", "send_at", "recipient_count", "subject"),
    )

    id: int | None = Field(default=None, primary_key=True)
    brief_id: int | None = Field(default=None, foreign_key="brief.id")
    draft_id: int | None = Field(default=None, foreign_key="draft.id", index=True)
    draft_version: int = 0  # the form of the draft that it was made of
    amends_id: int | None = Field(default=None, foreign_key="campaign.id", index=True)
    amendment_kind: AmendmentKind | None = Field(
        default=None, sa_type=EnumText(AmendmentKind)
    )
    amendment_text: str = Field(default="", sa_column_kwargs={"server_default": ""})
    template: str
    status: CampaignStatus = Field(
        default=CampaignStatus.DRAFT, sa_type=EnumText(CampaignStatus), index=True
    )
    priority: Priority = Field(default=Priority.NORMAL, sa_type=Integer)
    audience: dict[str, Any] = Field(sa_type=JSON)
    frequency: Frequency = Field(
        default=Frequency.INSTANT, sa_type=EnumText(Frequency)
    )  # the readers of a digest; a single brief goes to those that read at once
    is_digest: bool = False  # to the readers of its digest items
    topics: list[str] = Field(sa_type=JSON)
    subject: str
    html: str
    text: str
    headers: list[list[str]] = Field(sa_type=JSON)
    envelope_sender: str
    content_hash: str
    created_at: datetime
    created_by: str = ""
    approved_by: str = ""
    approved_at: datetime | None = None
    approved_hash: str = ""
    dry_run_id: int | None = None  # with the audience that the approval is bound to
    send_at: datetime | None = None
    started_at: datetime | None = None
    recipient_count: int = 0  # deliveries it began with, to hold the rows against
    finished_at: datetime | None = None
    note: str = ""  # why it is paused or missed, for people


class Link(SQLModel, table=True):
    """Where the n-th link of a campaign leads, fixed when it was approved."""

    campaign_id: int = Field(foreign_key="campaign.id", primary_key=True)
    number: int = Field(primary_key=True)
    url: str


class LinkState(StrEnum):
    """What became of the attempt to follow a link."""

    ASKED = "asked"  # nobody has tried yet
    ALIVE = "alive"
    DEAD = "dead"
    UNSURE = "unsure"  # refused, or slow: programs are turned away that people are not


class LinkCheck(SQLModel, table=True):
    """A link that somebody wants to send, and how it was found when it was followed."""

    __tablename__ = "link_check"

    url: str = Field(primary_key=True)
    state: LinkState = Field(
        default=LinkState.ASKED, sa_type=EnumText(LinkState), index=True
    )
    note: str = ""
    asked_at: datetime
    checked_at: datetime | None = None


class SelfApproval(SQLModel, table=True):
    """An approval of one's own campaign, until somebody else has looked at it."""

    __tablename__ = "self_approval"

    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    approved_by: str
    reason: str
    at: datetime
    reviewed_by: str = ""
    reviewed_at: datetime | None = Field(default=None, index=True)


class DryRun(SQLModel, table=True):
    """What a dry run found, and so what an approver has seen.

    `content_hash` is the campaign's `content_hash` at that time, `audience_hash`
    the SHA-256 of its audience, kept in `audience_ids` (see `campaigns.audience`).
    `excluded` and `refused` count people by the reason; `mail_sizes` are the smallest
    and the largest mail in bytes. `usual_size` is the size of the audience that such
    campaigns had lately, None for the first one.
    """

    __tablename__ = "dry_run"

    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    at: datetime
    requested_by: str
    content_hash: str
    audience_hash: str
    audience_size: int
    audience_ids: bytes = Field(sa_type=LargeBinary)
    excluded: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    refused: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    mail_sizes: list[int] = Field(default_factory=list, sa_type=JSON)
    usual_size: int | None = None
    subject: str
    text: str
