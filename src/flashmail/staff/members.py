"""The people: add, change, let go. Any change of what one may do signs one out."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from flashmail import audit
from flashmail.addresses import parse_address
from flashmail.database import get_or_raise
from flashmail.errors import StaffNotFound, WrongInput
from flashmail.model import Role, SignIn, Staff
from flashmail.staff.credentials import (
    hash_password,
    new_recovery_codes,
    new_totp_secret,
    secret_hash,
)

#: More people than anybody writes to.
MOST = 1_000_000_000


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
    by: str,
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
    _log(session, staff, f"add as {role}", by, now)
    session.flush()
    return staff


def find(session: Session, address: str) -> Staff:
    """Return the member of staff with this address, or say that there is none."""
    key = parse_address(address).key
    staff = session.exec(select(Staff).where(Staff.key == key)).first()
    if staff is None:
        raise WrongInput(f"{address} is not on the staff")
    return staff


def of(session: Session, staff_id: int) -> Staff:
    """Return a member of staff by the number, or say that there is none."""
    words = f"there is no member of staff {staff_id}"
    return get_or_raise(session, Staff, staff_id, StaffNotFound, words)


def everybody(session: Session) -> list[Staff]:
    """Return all accounts, also deactivated ones, in the order of their names."""
    return list(session.exec(select(Staff).order_by(col(Staff.name), col(Staff.id))))


def addresses(session: Session) -> list[str]:
    """Return the addresses of all active staff."""
    active = select(Staff.key).where(col(Staff.active))
    return list(session.exec(active.order_by(col(Staff.key))))


def change_role(
    session: Session, staff: Staff, role: Role, *, by: str, now: datetime
) -> None:
    """Change what somebody may do; there is always an admin, once there was one."""
    if role is not Role.ADMIN:
        _require_another_admin(session, staff)
    staff.role = role
    sign_out_everywhere(session, staff)
    _log(session, staff, f"make {role}", by, now)


def change_password(
    session: Session, staff: Staff, password: str, *, by: str, now: datetime
) -> None:
    staff.password_hash = hash_password(password)
    sign_out_everywhere(session, staff)
    _log(session, staff, "change the password", by, now)


def limit(
    session: Session,
    staff: Staff,
    topics: tuple[str, ...],
    *,
    by: str,
    now: datetime,
) -> None:
    """Let somebody see and send only what is on these topics; none is no limit."""
    if tuple(staff.topics) == topics:
        return
    staff.topics = list(topics)
    sign_out_everywhere(session, staff)
    said = f"limit to {', '.join(topics)}" if topics else "limit to no topics"
    _log(session, staff, said, by, now)


def cap(
    session: Session, staff: Staff, daily: int | None, *, by: str, now: datetime
) -> None:
    """Let somebody send to so many people a day at most; None is no limit."""
    if daily is not None and not 0 <= daily <= MOST:
        raise WrongInput(f"a cap is a number from 0 to {MOST:,}, or empty for none")
    if staff.daily_send_limit == daily:
        return
    staff.daily_send_limit = daily
    said = "cap at no number" if daily is None else f"cap at {daily:,} people a day"
    _log(session, staff, said, by, now)


def reactivate(session: Session, staff: Staff, *, by: str, now: datetime) -> None:
    """Let a deactivated member of staff sign in again."""
    staff.active = True
    _log(session, staff, "take on again", by, now)


def deactivate(session: Session, staff: Staff, *, by: str, now: datetime) -> None:
    """Let somebody sign in no more; what they did stays in the audit log."""
    _require_another_admin(session, staff)
    staff.active = False
    sign_out_everywhere(session, staff)
    _log(session, staff, "let go", by, now)


def require_second_factor(
    session: Session, staff: Staff, *, by: str, now: datetime
) -> SecondFactor:
    """Ask for a code at every sign-in from now on; a former secret is worthless."""
    factor = SecondFactor(new_totp_secret(), new_recovery_codes())
    staff.totp_secret, staff.totp_step = factor.secret, 0
    staff.recovery = [secret_hash(code) for code in factor.recovery]
    sign_out_everywhere(session, staff)
    _log(session, staff, "require a second factor", by, now)
    return factor


def drop_second_factor(
    session: Session, staff: Staff, *, by: str, now: datetime
) -> None:
    """Let a member of staff in by password alone again, after the codes were lost."""
    staff.totp_secret, staff.totp_offered, staff.recovery = "", "", []
    sign_out_everywhere(session, staff)
    _log(session, staff, "drop the second factor", by, now)


def _require_another_admin(session: Session, staff: Staff) -> None:
    admins = select(Staff.id).where(col(Staff.role) == Role.ADMIN, col(Staff.active))
    if list(session.exec(admins)) == [staff.id]:
        raise WrongInput(
            f"{staff.name} is the only admin: make somebody else one first"
        )


def sign_out_everywhere(session: Session, staff: Staff) -> None:
    session.execute(delete(SignIn).where(col(SignIn.staff_id) == staff.id))


def _log(session: Session, staff: Staff, action: str, by: str, now: datetime) -> None:
    audit.record(session, f"staff {staff.key}", action, by=by, now=now)
