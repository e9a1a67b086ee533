"""What happened with one person: mails, what came of them, and what was changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, distinct, func, select

from flashmail import audit
from flashmail.addresses import parse_address
from flashmail.audience.segment import Segment
from flashmail.audience.timing import zone_of
from flashmail.model import (
    AuditEntry,
    Campaign,
    Consent,
    Delivery,
    DigestItem,
    DigestItemState,
    DropReason,
    Edition,
    Event,
    EventKind,
    Priority,
    StoredBrief,
    Subscriber,
    Suppression,
    Timing,
)
from flashmail.subscribers.explain import Explanation, explain

#: What somebody waits for.
AWAITED = {
    Timing.DAILY: "for the daily digest",
    Timing.WEEKLY: "for the weekly digest",
    Timing.HELD: "for the end of the quiet hours",
    Timing.CAPPED: "over the day's limit, for the daily digest",
}

#: How it came.
CAME = {
    Timing.DAILY: "with the daily digest",
    Timing.WEEKLY: "with the weekly digest",
    Timing.HELD: "after the quiet hours",
    Timing.CAPPED: "over the day's limit, with the daily digest",
}

REASONS = {
    DropReason.PAUSED: "rested then",
    DropReason.GONE: "had left before it was sent",
    DropReason.UNFOLLOWED: "had stopped following its topics before it was sent",
    DropReason.REPLACED: "got a later form of it instead",
    DropReason.WITHDRAWN: "it was taken back before it was sent",
}


def fate_of_owed(session: Session, owed: DigestItem) -> dict[str, str]:
    """Return {"state", "reason"} of a brief that did not come at once."""
    if owed.state is DigestItemState.DROPPED and owed.reason is not None:
        return {"state": owed.state.value, "reason": REASONS[owed.reason]}
    if owed.digest_campaign_id is None:
        return {"state": owed.state.value, "reason": _waits(session, owed)}
    way = f"{CAME[owed.timing]} (campaign {owed.digest_campaign_id})"
    delivery = session.get(Delivery, (owed.digest_campaign_id, owed.subscriber_id))
    if delivery is not None:
        words = f"{way}: {delivery.reason}" if delivery.reason else way
        return {"state": delivery.state.value, "reason": words}
    digest = session.get(Campaign, owed.digest_campaign_id)
    stands = digest.status.value if digest else "gone"
    return {"state": owed.state.value, "reason": f"{way}, which is {stands}"}


def unscheduled(session: Session) -> int:
    """Return how many readers are owed briefs that no schedule will bring.

    Whatever can have a moment is given one by the scheduler, within a second.
    """
    waiting = select(func.count(distinct(col(DigestItem.subscriber_id)))).where(
        col(DigestItem.edition_id).is_(None),
        col(DigestItem.state) == DigestItemState.WAITING,
    )
    return session.exec(waiting).one()


def _waits(session: Session, owed: DigestItem) -> str:
    moment = session.get(Edition, owed.edition_id) if owed.edition_id else None
    if moment is None:
        return f"waits {AWAITED[owed.timing]}, but no schedule brings it"
    reader = session.get(Subscriber, owed.subscriber_id)
    at: datetime = moment.at.astimezone(zone_of(reader.time_zone if reader else ""))
    return f"waits {AWAITED[owed.timing]} on {at:%Y-%m-%d at %H:%M %Z}"


#: What is said of a person to which a campaign was never addressed.
NOT_MEANT = "not addressed"


@dataclass(frozen=True)
class DeliveryExplanation:
    """Whether somebody got a campaign, what they did, and whether they would now."""

    address: str
    subscriber_id: int | None
    state: str
    reason: str
    events: tuple[Event, ...]
    now: Explanation


def account(session: Session, campaign: Campaign, address: str) -> DeliveryExplanation:
    """Say why somebody did or did not get it. Raises WrongInput for no address."""
    told = fate(session, campaign, address)
    key = parse_address(address.strip()).key
    person = session.exec(select(Subscriber).where(Subscriber.key == key)).first()
    events = select(Event).where(
        Event.campaign_id == campaign.id,
        col(Event.kind).in_(list(EventKind)),  # as the index has it
        Event.subscriber_id == (person.id if person else None),
    )
    segment = Segment.from_json(campaign.audience)
    urgent = campaign.priority == Priority.URGENT
    return DeliveryExplanation(
        address=key,
        subscriber_id=person.id if person else None,
        state=told["state"],
        reason=told["reason"],
        events=tuple(session.exec(events.order_by(col(Event.at)))),
        now=explain(session, address, segment, urgent=urgent, now=datetime.now(UTC)),
    )


def fate(session: Session, campaign: Campaign, address: str) -> dict[str, Any]:
    """Return {"campaign", "state", "reason"}: the delivery of this campaign to them."""
    key = parse_address(address.strip()).key
    row = session.exec(
        select(Delivery)
        .join(Subscriber, col(Subscriber.id) == col(Delivery.subscriber_id))
        .where(Delivery.campaign_id == campaign.id, Subscriber.key == key)
    ).one_or_none()
    if row is not None:
        return {"campaign": campaign.id, "state": row.state, "reason": row.reason}
    owed = session.exec(
        select(DigestItem)
        .join(Subscriber, col(Subscriber.id) == col(DigestItem.subscriber_id))
        .where(DigestItem.campaign_id == campaign.id, Subscriber.key == key)
    ).one_or_none()
    if owed is not None:
        return {"campaign": campaign.id, **fate_of_owed(session, owed)}
    reason = "was not in the audience when it began"
    return {"campaign": campaign.id, "state": NOT_MEANT, "reason": reason}


#: Mails on one page of a history.
MAILS = 25

#: Changes that are told between two mails at most.
CHANGES = 200


@dataclass(frozen=True)
class HistoryEntry:
    """Something that happened; `campaign_id` leads to the mail it is about, if any."""

    at: datetime
    what: str
    words: str = ""
    campaign_id: int | None = None


@dataclass(frozen=True)
class History:
    """A page of moments, the latest first, and the campaign after which it goes on."""

    moments: list[HistoryEntry] = field(default_factory=list)
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
) -> Iterator[HistoryEntry]:
    for campaign, mail in mails:
        yield HistoryEntry(
            mail.state_since, f"mail {mail.state}", mail.reason, campaign.id
        )
    if mails:
        events = select(Event).where(
            col(Event.campaign_id).in_([campaign.id for campaign, _ in mails]),
            col(Event.kind).in_(list(EventKind)),  # as the indexes have it
            Event.subscriber_id == mails[0][1].subscriber_id,
        )
        for event in session.exec(events):
            yield HistoryEntry(event.at, _deed(event), event.detail, event.campaign_id)


def _deed(event: Event) -> str:
    link = f" link {event.link}" if event.link else ""
    by = "" if event.actor == "unknown" else f" by a {event.actor}"
    return f"{event.kind}{link}{by}"


def _changes(session: Session, person: Subscriber) -> Iterator[HistoryEntry]:
    entries = (
        select(AuditEntry)
        .where(AuditEntry.subject == audit.of_subscriber(person.id or 0))
        .order_by(col(AuditEntry.id).desc())
        .limit(CHANGES)
    )
    for entry in session.exec(entries):
        yield HistoryEntry(
            entry.at, f"{entry.action} by {entry.done_by}", _words(entry)
        )
    given = select(Consent).where(Consent.subscriber_id == person.id)
    for each in session.exec(given.order_by(col(Consent.id).desc()).limit(CHANGES)):
        yield HistoryEntry(
            each.at, f"consent: {each.kind}", f"{each.wording}, {each.source}"
        )
    suppressed = session.get(Suppression, person.key)
    if suppressed is not None:
        what = f"suppressed: {suppressed.reason}"
        yield HistoryEntry(suppressed.since, what, suppressed.detail)
    yield HistoryEntry(person.created_at, "came here")


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


@dataclass(frozen=True)
class BriefOutcome:
    """One brief: when it was sent, how far it came, and why it did not."""

    title: str
    at: datetime
    state: str
    reason: str
    topics: tuple[str, ...]


def latest_briefs(
    session: Session, person: Subscriber, *, limit: int
) -> list[BriefOutcome]:
    """Return what became of the latest briefs for a reader, the latest first.

    Of those that were never meant for this reader, the reason of today is told.
    """
    sent = (
        select(Campaign, StoredBrief.title)
        .join(StoredBrief, col(StoredBrief.id) == col(Campaign.brief_id))
        .where(col(Campaign.started_at).is_not(None))
        .where(~col(Campaign.is_digest), col(Campaign.amendment_kind).is_(None))
        .order_by(col(Campaign.started_at).desc())
        .limit(limit)
    )
    return [
        _outcome(session, person, campaign, title)
        for campaign, title in session.exec(sent)
    ]


def _outcome(
    session: Session, person: Subscriber, campaign: Campaign, title: str
) -> BriefOutcome:
    assert campaign.started_at is not None
    found = fate(session, campaign, person.address)
    state, reason = str(found["state"]), str(found["reason"])
    if state == NOT_MEANT:
        segment = Segment.from_json(campaign.audience)
        urgent = campaign.priority == Priority.URGENT
        reason = explain(session, person.address, segment, urgent=urgent).words
    return BriefOutcome(
        title, campaign.started_at, state, reason, tuple(campaign.topics)
    )
