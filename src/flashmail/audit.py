"""The audit log of what staff do to people and segments."""

from datetime import datetime

from sqlmodel import Session

from flashmail.model import AuditEntry


def log(
    session: Session,
    subject: str,
    action: str,
    *,
    by: str,
    now: datetime,
    **detail: object,
) -> int:
    """Add an entry; return its number, by which it can be undone."""
    entry = AuditEntry(
        at=now, done_by=by, action=action, subject=subject, detail=detail
    )
    session.add(entry)
    session.flush()
    assert entry.id is not None
    return entry.id


def of_subscriber(subscriber_id: int) -> str:
    """Return the subject of what is done to a subscriber."""
    return f"subscriber {subscriber_id}"


def log_campaign(
    session: Session,
    campaign_id: int,
    action: str,
    *,
    by: str,
    now: datetime,
    **detail: object,
) -> None:
    """Add to the audit log what somebody did to a campaign."""
    subject = f"campaign {campaign_id}"
    session.add(
        AuditEntry(at=now, done_by=by, action=action, subject=subject, detail=detail)
    )
