"""The people: add, change, let go. Any change of what one may do signs one out."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from flashmail.audience.addresses import parse_address
from flashmail.errors import WrongInput
from flashmail.model import AuditEntry, Role, SignIn, Staff
from flashmail.staff.secrets import (
    digest,
    hash_password,
    new_recovery_codes,
    new_totp_secret,
)


@dataclass(frozen=True)
class SecondFactor:
    """What somebody has to keep, shown once: the secret, and codes for a bad day."""

    secret: str
    recovery: list[str]


def new_password() -> str:
    """Return a password that nobody guesses."""
    return secrets.token_urlsafe(15)


def add(
    session: Session,
    name: str,
    address: str,
    role: Role,
    password: str,
    *,
    topics: tuple[str, ...] = (),
    who: str,
    now: datetime,
) -> Staff:
    """Let somebody sign in."""
    key = parse_address(address).key
    if session.exec(select(Staff).where(Staff.key == key)).first() is not None:
        raise WrongInput(f"{address} is on the staff already")
    staff = Staff(
        name=name,
        key=key,
        role=role,
        topics=list(topics),
        password_hash=hash_password(password),
        created_at=now,
    )
    session.add(staff)
    _log(session, staff, f"add as {role}", who, now)
    session.flush()
    return staff


def find(session: Session, address: str) -> Staff:
    """Return who signs in with this address, or say that nobody does."""
    key = parse_address(address).key
    staff = session.exec(select(Staff).where(Staff.key == key)).first()
    if staff is None:
        raise WrongInput(f"{address} is not on the staff")
    return staff


def change_role(
    session: Session, staff: Staff, role: Role, *, who: str, now: datetime
) -> None:
    staff.role = role
    sign_out_everywhere(session, staff)
    _log(session, staff, f"make {role}", who, now)


def change_password(
    session: Session, staff: Staff, password: str, *, who: str, now: datetime
) -> None:
    staff.password_hash = hash_password(password)
    sign_out_everywhere(session, staff)
    _log(session, staff, "change the password", who, now)


def let_go(session: Session, staff: Staff, *, who: str, now: datetime) -> None:
    """Let somebody sign in no more; what they did stays in the audit log."""
    staff.active = False
    sign_out_everywhere(session, staff)
    _log(session, staff, "let go", who, now)


def require_second_factor(
    session: Session, staff: Staff, *, who: str, now: datetime
) -> SecondFactor:
    """Ask for a code at every sign-in from now on; a former secret is worthless."""
    factor = SecondFactor(new_totp_secret(), new_recovery_codes())
    staff.totp_secret, staff.totp_step = factor.secret, 0
    staff.recovery = [digest(code) for code in factor.recovery]
    sign_out_everywhere(session, staff)
    _log(session, staff, "require a second factor", who, now)
    return factor


def sign_out_everywhere(session: Session, staff: Staff) -> None:
    session.execute(delete(SignIn).where(col(SignIn.staff_id) == staff.id))


def _log(session: Session, staff: Staff, action: str, who: str, now: datetime) -> None:
    session.add(
        AuditEntry(at=now, who=who, action=action, subject=f"staff {staff.key}")
    )
