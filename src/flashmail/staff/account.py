"""One's own account: password, second factor, and where one is signed in."""

from datetime import datetime

from sqlalchemy import CursorResult, delete
from sqlmodel import Session, col, select

from flashmail.model import AuditEntry, SignIn, Staff
from flashmail.staff import door, people
from flashmail.staff.secrets import (
    code_step,
    digest,
    new_recovery_codes,
    new_totp_secret,
    password_fits,
)


def change_password(
    session: Session, staff: Staff, old: str, new: str, *, now: datetime
) -> bool:
    """Change one's own password; False where the old one is wrong.

    Whoever finds a browser open may not try for long: raises TooManyFailures.
    """
    key = f"password of {staff.key}"
    door.require_few_failures(session, key, now)
    if not password_fits(old, staff.password_hash):
        door.failed(session, key, now)
        return False
    people.change_password(session, staff, new, who=staff.key, now=now)
    return True


def offer_second_factor(staff: Staff) -> str:
    """Return a new secret; it counts when a code of it was typed."""
    staff.totp_offered = new_totp_secret()
    return staff.totp_offered


def confirm_second_factor(
    session: Session, staff: Staff, code: str, *, now: datetime
) -> list[str] | None:
    """Ask for a code from now on; return codes for a bad day, None for a wrong code."""
    step = None
    if staff.totp_offered:
        step = code_step(staff.totp_offered, code, after=0, now=now)
    if step is None:
        return None
    recovery = new_recovery_codes()
    staff.totp_secret, staff.totp_offered = staff.totp_offered, ""
    staff.totp_step = step
    staff.recovery = [digest(each) for each in recovery]
    _log(session, staff, "set up a second factor", now)
    return recovery


def sign_ins(session: Session, staff: Staff) -> list[SignIn]:
    """Return where somebody is signed in, the latest first."""
    rows = select(SignIn).where(SignIn.staff_id == staff.id)
    return list(session.exec(rows.order_by(col(SignIn.begun_at).desc())))


def end_sign_in(session: Session, staff: Staff, held: str, *, now: datetime) -> None:
    """End one of one's own sign-ins, named by its digest."""
    theirs = delete(SignIn).where(col(SignIn.staff_id) == staff.id)
    session.execute(theirs.where(col(SignIn.digest) == held))
    _log(session, staff, "end a sign-in", now)


def end_others(session: Session, staff: Staff, token: str, *, now: datetime) -> int:
    """End every sign-in of one's own but the one of this token; return how many."""
    theirs = delete(SignIn).where(col(SignIn.staff_id) == staff.id)
    ended = session.execute(theirs.where(col(SignIn.digest) != digest(token)))
    assert isinstance(ended, CursorResult)
    _log(session, staff, "end other sign-ins", now)
    return ended.rowcount


def _log(session: Session, staff: Staff, action: str, now: datetime) -> None:
    subject = f"staff {staff.key}"
    session.add(AuditEntry(at=now, who=staff.key, action=action, subject=subject))
