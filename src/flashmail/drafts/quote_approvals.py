"""Approvals of quotes: people that vouch for the words."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from flashmail import audit
from flashmail.briefs import Quote
from flashmail.errors import FormError
from flashmail.model import QuoteApproval


def approvals(session: Session, quotes: Sequence[Quote]) -> dict[str, QuoteApproval]:
    """Return the approvals of quotes, by the hash of each.

    The words count, not the draft in which they were approved.
    """
    hashes = [quote.content_hash for quote in quotes]
    known = session.exec(
        select(QuoteApproval)
        .where(col(QuoteApproval.quote_hash).in_(hashes))
        .order_by(col(QuoteApproval.at))
    )
    return {each.quote_hash: each for each in known}


def approvals_of(
    session: Session, quotes: Sequence[Quote]
) -> list[QuoteApproval | None]:
    """Return for each quote its approval, if it has one."""
    known = approvals(session, quotes)
    return [known.get(quote.content_hash) for quote in quotes]


def approve(
    session: Session,
    draft_id: int,
    quote: Quote,
    approved_by: str,
    *,
    by: str,
    now: datetime,
) -> None:
    """Note that somebody stands by a quote as it is now."""
    name = " ".join(approved_by.split())
    if not name:
        raise FormError("approver", "Say who approved it: the person quoted, or whom.")
    session.merge(
        QuoteApproval(
            draft_id=draft_id,
            quote_hash=quote.content_hash,
            approved_by=name,
            noted_by=by,
            at=now,
        )
    )
    _log(session, draft_id, "approve quote", quote, by=by, now=now, approved_by=name)


def withdraw(
    session: Session, draft_id: int, quote: Quote, *, by: str, now: datetime
) -> None:
    """Take an approval back, whichever draft it was noted in."""
    session.execute(
        delete(QuoteApproval).where(col(QuoteApproval.quote_hash) == quote.content_hash)
    )
    _log(session, draft_id, "withdraw approval", quote, by=by, now=now)


def _log(
    session: Session,
    draft_id: int,
    action: str,
    quote: Quote,
    *,
    by: str,
    now: datetime,
    **detail: object,
) -> None:
    detail |= {"person": quote.person, "quote": quote.content_hash}
    audit.record(session, audit.of_draft(draft_id), action, by=by, now=now, **detail)
