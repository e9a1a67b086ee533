"""Staff: accounts that may sign in, and where they are signed in."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from flashmail.model.types import EnumText


class AuditEntry(SQLModel, table=True):
    """One thing somebody did. Only ever added to."""

    __tablename__ = "audit"
    # What was done to one thing, the latest first.
    __table_args__ = (Index("ix_audit_subject", "subject", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    at: datetime
    done_by: str
    action: str
    subject: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class Role(StrEnum):
    """What somebody may do. Each may do all that the next one may."""

    ADMIN = "admin"
    EDITOR = "editor"
    LIST_MANAGER = "list manager"
    VIEWER = "viewer"

    @property
    def rank(self) -> int:
        return len(Role) - list(Role).index(self)

    def covers(self, needed: "Role") -> bool:
        """Return whether this role may do what another one may."""
        return self.rank >= needed.rank


class Staff(SQLModel, table=True):
    """A member of staff, with an account to sign in.

    `topics` limits an editor to what is on these topics; empty is no limit.
    `daily_send_limit` is to how many people they may let mail go within a day; None is
    no limit.
    `totp_secret` is base32 (RFC 6238), empty without a second factor; `totp_step` is
    the step of the last code that was used, as none may be used twice. `recovery`
    holds SHA-256 hashes of codes that replace it once each.
    """

    id: int | None = Field(default=None, primary_key=True)
    name: str
    key: str = Field(unique=True)  # the address, in the form in which it is compared
    role: Role = Field(sa_type=EnumText(Role))
    topics: list[str] = Field(default_factory=list, sa_type=JSON)
    password_hash: str
    totp_secret: str = ""
    totp_offered: str = ""  # becomes the secret once a code of it was typed
    totp_step: int = 0
    recovery: list[str] = Field(default_factory=list, sa_type=JSON)
    active: bool = True
    daily_send_limit: int | None = None
    created_at: datetime


class SignIn(SQLModel, table=True):
    """A browser that is signed in; `token_hash` is the SHA-256 of its token."""

    __tablename__ = "sign_in"

    token_hash: str = Field(primary_key=True)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    begun_at: datetime


class FailedSignIn(SQLModel, table=True):
    """A sign-in that failed; too many of them by `key`, and the door stays shut."""

    __tablename__ = "failed_sign_in"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(index=True)
    at: datetime
