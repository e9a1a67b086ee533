"""The audit log: what staff, the command line and flashmail itself did, and when.

The one writer of it. A subject is `campaign 7`, `subscriber 3`, `brief 2`, `staff KEY`,
`segment NAME` or `address KEY`; the log is read by it.
"""

from datetime import datetime

from sqlmodel import Session

from flashmail.model import AuditEntry


def record(
    session: Session,
    subject: str,
    action: str,
    *,
    by: str,
    now: datetime,
    **detail: object,
) -> int:
    """Add an entry; return its number, by which the action can be undone."""
    entry = AuditEntry(
        at=now, done_by=by, action=action, subject=subject, detail=detail
    )
    session.add(entry)
    session.flush()
    assert entry.id is not None
    return entry.id


def of_campaign(campaign_id: int) -> str:
    """Return the subject of actions on a campaign."""
    return f"campaign {campaign_id}"


def of_draft(draft_id: int) -> str:
    """Return the subject of actions on a draft."""
    return f"brief {draft_id}"


def of_subscriber(subscriber_id: int) -> str:
    """Return the subject of actions on a subscriber."""
    return f"subscriber {subscriber_id}"
