"""What happened with one person: mails, what came of them, and what was changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, select

from flashmail.audience.log import of_subscriber
from flashmail.model import (
    AuditEntry,
    Campaign,
    Consent,
    Delivery,
    Event,
    EventKind,
    Subscriber,
    Suppression,
)

#: Mails on one page of a history.
MAILS = 25

#: Changes that are told between two mails at most.
CHANGES = 200


@dataclass(frozen=True)
class Moment:
    """Something that happened; `campaign_id` leads to the mail it is about, if any."""

    at: datetime
    what: str
    words: str = ""
    campaign_id: int | None = None


@dataclass(frozen=True)
class History:
    """A page of moments, the latest first, and the campaign after which it goes on."""

    moments: list[Moment] = field(default_factory=list)
    older: int | None = None


def history(
    session: Session, person: Subscriber, *, before: int | None = None
) -> History:
    """Return what happened with somebody up to a campaign, without that one."""
    mails = _mails(session, person.id or 0, before)
    more, mails = len(mails) > MAILS, mails[:MAILS]
    newest = _begun(session, before)
    oldest = _begun(session, mails[-1][0].id) if more else None
    moments = [
        *_history_entry(session, mails),
        *(
            each
            for each in _changes(session, person)
            if (newest is None or each.at < newest)
            and (oldest is None or each.at >= oldest)
        ),
    ]
    moments.sort(key=lambda each: each.at, reverse=True)
    return History(moments, mails[-1][0].id if more else None)


def _mails(
    session: Session, subscriber_id: int, before: int | None
) -> list[tuple[Campaign, Delivery]]:
    # From the campaigns to the delivery's key: there is no index by subscriber, which
    # a million rows at a time would have to be put into.
    statement = (
        select(Campaign, Delivery)
        .join(Delivery, col(Delivery.campaign_id) == col(Campaign.id))
        .where(Delivery.subscriber_id == subscriber_id)
        .order_by(col(Campaign.id).desc())
        .limit(MAILS + 1)
    )
    if before is not None:
        statement = statement.where(col(Campaign.id) < before)
    return list(session.exec(statement).all())


def _begun(session: Session, campaign_id: int | None) -> datetime | None:
    campaign = session.get(Campaign, campaign_id) if campaign_id else None
    return (campaign.started_at or campaign.created_at) if campaign else None


def _history_entry(
    session: Session, mails: Sequence[tuple[Campaign, Delivery]]
) -> Iterator[Moment]:
    for campaign, mail in mails:
        yield Moment(mail.at, f"mail {mail.state}", mail.reason, campaign.id)
    if mails:
        events = select(Event).where(
            col(Event.campaign_id).in_([campaign.id for campaign, _ in mails]),
            col(Event.kind).in_(list(EventKind)),  # as the indexes have it
            Event.subscriber_id == mails[0][1].subscriber_id,
        )
        for event in session.exec(events):
            yield Moment(event.at, _deed(event), event.detail, event.campaign_id)


def _deed(event: Event) -> str:
    link = f" link {event.link}" if event.link else ""
    by = "" if event.actor == "unknown" else f" by a {event.actor}"
    return f"{event.kind}{link}{by}"


def _changes(session: Session, person: Subscriber) -> Iterator[Moment]:
    entries = (
        select(AuditEntry)
        .where(AuditEntry.subject == of_subscriber(person.id or 0))
        .order_by(col(AuditEntry.id).desc())
        .limit(CHANGES)
    )
    for entry in session.exec(entries):
        yield Moment(entry.at, f"{entry.action} by {entry.who}", _words(entry))
    given = select(Consent).where(Consent.subscriber_id == person.id)
    for each in session.exec(given.order_by(col(Consent.id).desc()).limit(CHANGES)):
        yield Moment(each.at, f"consent: {each.kind}", f"{each.wording}, {each.source}")
    suppressed = session.get(Suppression, person.key)
    if suppressed is not None:
        what = f"suppressed: {suppressed.reason}"
        yield Moment(suppressed.since, what, suppressed.detail)
    yield Moment(person.created_at, "came here")


def _words(entry: AuditEntry) -> str:
    if words := entry.detail.get("words"):
        return str(words)
    after = entry.detail.get("after") or {}
    before = entry.detail.get("before") or {}
    return "; ".join(
        f"{name}: {_shown(before.get(name))} → {_shown(value)}"
        for name, value in after.items()
    )


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items()) or "nothing"
    return str(value) if value else "nothing"
