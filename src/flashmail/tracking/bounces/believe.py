"""Hold what a mail says against our own table before anything follows from it.

Anybody can write a bounce. It counts when it has a token that only the mail itself and
its way back could know, and when whom it names is whom that mail went to.
"""

import hashlib
from datetime import datetime, timedelta

from sqlmodel import Session

from flashmail.links import BadToken, Purpose, Tokens
from flashmail.model import EventKind, Subscriber
from flashmail.tracking.bounces.verdict import Kind, Verdict
from flashmail.tracking.told import Told

#: A notice says that a mail will not arrive, so a soft one is not merely put off.
EVENTS = {
    Kind.HARD: EventKind.BOUNCED,
    Kind.SOFT: EventKind.BLOCKED,
    Kind.COMPLAINT: EventKind.COMPLAINED,
}

#: What a mail may lie about its own age.
OLDEST = timedelta(days=30)

#: RFC 6590: a feedback report may hide who complained; its domain stays.
HIDDEN = ("redact", "xxx", "***", "undisclosed", "hidden")
HASH_LENGTH = 20


def event_of(
    session: Session, tokens: Tokens, verdict: Verdict, raw: bytes, *, now: datetime
) -> Told | None:
    """Return the event to record, or None where nothing may follow from the mail.

    Its key is the mail's own hash: read twice, it is one event.
    """
    kind = EVENTS.get(verdict.kind)
    if verdict.arrived or verdict.kind is Kind.AUTO_REPLY:
        # It got there. That settles what nobody knew, and says nothing else.
        kind = EventKind.ACCEPTED
    delivery = delivery_of(tokens, verdict.token)
    if kind is None or delivery is None:
        return None
    subscriber = session.get(Subscriber, delivery[1])
    if subscriber is None or not _names(verdict, subscriber.key):
        return None
    at = verdict.at or now
    return Told(
        key=f"mail:{hashlib.sha256(raw).hexdigest()}",
        campaign_id=delivery[0],
        subscriber_id=delivery[1],
        kind=kind,
        at=at if now - OLDEST <= at <= now else now,
        recorded_at=now,
        detail=_detail(verdict),
    )


def delivery_of(tokens: Tokens, token: str) -> tuple[int, int] | None:
    """Return (campaign id, subscriber id) if the token is one of ours."""
    for purpose in (Purpose.BOUNCE, Purpose.WATCH):
        try:
            return tokens.read(purpose, token)
        except BadToken:
            continue
    return None


def _names(verdict: Verdict, key: str) -> bool:
    """Whether a mail is about this reader; one that names nobody is by its token."""
    address = verdict.address.lower()
    if verdict.kind is Kind.AUTO_REPLY:
        return verdict.sender.lower() == key
    if not address or address == key:
        return True
    return verdict.kind is Kind.COMPLAINT and _hides(address, key)


def _hides(address: str, key: str) -> bool:
    local, _, domain = address.partition("@")
    hash_like = len(local) >= HASH_LENGTH and any(map(str.isdigit, local))
    hidden = any(word in local for word in HIDDEN) or hash_like
    return hidden and domain == key.partition("@")[2]


def _detail(verdict: Verdict) -> str:
    if verdict.status and verdict.status not in verdict.reason:
        return f"{verdict.status} {verdict.reason}"
    return verdict.reason
