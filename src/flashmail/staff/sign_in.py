"""Signing in and out, and the account of the session."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, delete
from sqlmodel import Session, col, func, select

from flashmail import audit
from flashmail.addresses import BadAddress, parse_address
from flashmail.errors import FlashmailError
from flashmail.model import FailedSignIn, SignIn, Staff
from flashmail.staff import members
from flashmail.staff.credentials import (
    code_step,
    new_recovery_codes,
    new_totp_secret,
    password_fits,
    secret_hash,
)

#: For how long one stays signed in.
SIGNED_IN = timedelta(hours=12)

#: So many failures within this time, by address or from one place, shut the door.
FAILURES, WITHIN = 5, timedelta(minutes=15)


class TooManyFailures(FlashmailError):
    """It was tried too often; it helps to wait."""


def sign_in(
    session: Session,
    address: str,
    password: str,
    code: str,
    *,
    place: str,
    now: datetime,
) -> str | None:
    """Return the token of a new sign-in; None where address, password or code is wrong.

    Which one it was is nobody's business. `place` is where it is tried from: others
    are not locked out by a stranger's tries. Raises TooManyFailures.
    """
    keys = [f"{_key(address)} from {place}", f"from {place}"]
    for key, most in zip(keys, (FAILURES, FAILURES * 4), strict=True):
        require_few_failures(session, key, now, most=most)
    staff = session.exec(select(Staff).where(Staff.key == _key(address))).first()
    known = staff if staff and staff.active else None
    fits = password_fits(password, known.password_hash if known else None)
    if not fits or known is None or not _second_factor_fits(known, code, now):
        for key in keys:
            failed(session, key, now)
        if known is not None:
            # Not for unknown names: whatever was typed would stand in the log for good.
            _note(session, known, "fail to sign in", now, place=place)
        return None
    return _begin(session, known, now)


def sign_in_with_provider(
    session: Session, address: str, *, now: datetime
) -> str | None:
    """Return the token of a new sign-in that an identity provider vouches for.

    None where nobody with this address is on the staff.
    """
    staff = session.exec(select(Staff).where(Staff.key == _key(address))).first()
    return _begin(session, staff, now) if staff and staff.active else None


def staff_of_token(session: Session, token: str, *, now: datetime) -> Staff | None:
    """Return the member of staff signed in with a token."""
    held = session.get(SignIn, secret_hash(token)) if token else None
    if held is None or now - held.begun_at > SIGNED_IN:
        return None
    staff = session.get(Staff, held.staff_id)
    return staff if staff and staff.active else None


def sign_out(session: Session, token: str, *, now: datetime) -> None:
    """End one sign-in."""
    staff = staff_of_token(session, token, now=now)
    if staff is not None:
        _note(session, staff, "sign out", now)
    session.execute(delete(SignIn).where(col(SignIn.token_hash) == secret_hash(token)))


def has_staff(session: Session) -> bool:
    """Return whether anybody is on the staff yet."""
    return session.exec(select(Staff.id).limit(1)).first() is not None


def _begin(session: Session, staff: Staff, now: datetime) -> str:
    assert staff.id is not None
    # A token of its own for each sign-in: one set beforehand is worth nothing.
    token = secrets.token_urlsafe(32)
    session.add(SignIn(token_hash=secret_hash(token), staff_id=staff.id, begun_at=now))
    _note(session, staff, "sign in", now)
    return token


def _note(
    session: Session, staff: Staff, action: str, now: datetime, **detail: str
) -> None:
    audit.record(session, staff.key, action, by=staff.key, now=now, **detail)


def _second_factor_fits(staff: Staff, code: str, now: datetime) -> bool:
    if not staff.totp_secret:
        return True
    step = code_step(staff.totp_secret, code, after=staff.totp_step, now=now)
    if step is not None:
        staff.totp_step = step
        return True
    if secret_hash(code) not in staff.recovery:
        return False
    staff.recovery = [each for each in staff.recovery if each != secret_hash(code)]
    return True


def require_few_failures(
    session: Session, key: str, now: datetime, *, most: int = FAILURES
) -> None:
    """Raise TooManyFailures where something was tried too often lately."""
    recent = select(func.count()).where(
        col(FailedSignIn.key) == key, col(FailedSignIn.at) > now - WITHIN
    )
    if (session.scalar(recent) or 0) >= most:
        raise TooManyFailures("it was tried too often; wait a quarter of an hour")


def failed(session: Session, key: str, now: datetime) -> None:
    """Note that something was tried in vain."""
    session.add(FailedSignIn(key=key, at=now))


def _key(address: str) -> str:
    try:
        return parse_address(address).key
    except BadAddress:
        return ""


def change_password(
    session: Session, staff: Staff, old: str, new: str, *, now: datetime
) -> bool:
    """Change one's own password; False where the old one is wrong.

    A stranger at an open browser may not try for long: raises TooManyFailures.
    """
    key = f"password of {staff.key}"
    require_few_failures(session, key, now)
    if not password_fits(old, staff.password_hash):
        failed(session, key, now)
        return False
    members.change_password(session, staff, new, by=staff.key, now=now)
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
    staff.recovery = [secret_hash(each) for each in recovery]
    _log(session, staff, "set up a second factor", now)
    return recovery


def sign_ins(session: Session, staff: Staff) -> list[SignIn]:
    """Return where somebody is signed in, the latest first."""
    rows = select(SignIn).where(SignIn.staff_id == staff.id)
    return list(session.exec(rows.order_by(col(SignIn.begun_at).desc())))


def end_sign_in(session: Session, staff: Staff, held: str, *, now: datetime) -> None:
    """End one of one's own sign-ins, named by its hash."""
    theirs = delete(SignIn).where(col(SignIn.staff_id) == staff.id)
    session.execute(theirs.where(col(SignIn.token_hash) == held))
    _log(session, staff, "end a sign-in", now)


def end_others(session: Session, staff: Staff, token: str, *, now: datetime) -> int:
    """End every sign-in of one's own but the one of this token; return how many."""
    theirs = delete(SignIn).where(col(SignIn.staff_id) == staff.id)
    ended = session.execute(theirs.where(col(SignIn.token_hash) != secret_hash(token)))
    assert isinstance(ended, CursorResult)
    _log(session, staff, "end other sign-ins", now)
    return ended.rowcount


def _log(session: Session, staff: Staff, action: str, now: datetime) -> None:
    audit.record(session, f"staff {staff.key}", action, by=staff.key, now=now)
