"""Changing what is known of one person, by hand; every change can be taken back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from flashmail import audit
from flashmail.addresses import parse_address
from flashmail.audience.suppression import suppress
from flashmail.audience.topics import SEPARATOR, topic_ids
from flashmail.database import get_or_raise
from flashmail.errors import SubscriberNotFound, WrongInput
from flashmail.import_export.files import CsvRow, guarded
from flashmail.import_export.merge import KEPT_OUT, merge
from flashmail.import_export.rows import EntryReader, read_header
from flashmail.model import (
    OPTED_OUT,
    AuditEntry,
    Frequency,
    Subscriber,
    SubscriberStatus,
    Subscription,
)


def add(
    session: Session,
    address: str,
    *,
    name: str = "",
    topics: Sequence[str] = (),
    time_zone: str = "",
    language: str = "",
    attributes: Mapping[str, str] | None = None,
    now: datetime,
) -> int:
    """Add a person, or add to what is known of one; return the subscriber's id.

    Works like a roster of one row, but says so where the person must be left alone.
    """
    row = {
        **(attributes or {}),
        "address": address,
        "name": name,
        "topics": SEPARATOR.join(topics),
        "time_zone": time_zone,
        "language": language,
    }
    reader = EntryReader(read_header(list(row)), topic_ids(session))
    entry = reader.read(CsvRow(1, [guarded(cell.strip()) for cell in row.values()]))
    for outcome, status in merge(session, [(1, *entry)], now=now):
        if outcome == KEPT_OUT:
            raise WrongInput(
                f"{entry.address} is {status} and gets no more mail; only that person"
                " can change this"
            )
    known = select(col(Subscriber.id)).where(Subscriber.key == entry.key)
    subscriber_id = session.exec(known).one()
    assert subscriber_id is not None
    return subscriber_id


def remove(session: Session, address: str, *, now: datetime) -> bool:
    """Unsubscribe an address for good; return whether it was a subscriber's.

    The subscriber's row stays, and an address that was never there is kept out too.
    A bounce or complaint from before stays: the first reason counts.
    """
    key = parse_address(address.strip()).key
    unsubscribed = SubscriberStatus.UNSUBSCRIBED
    suppress(session, {key: (unsubscribed, now, "removed by hand")})
    session.execute(
        update(Subscriber)
        .where(col(Subscriber.key) == key, col(Subscriber.status).not_in(OPTED_OUT))
        .values(status=unsubscribed)
    )
    session.flush()
    known = select(Subscriber.id).where(Subscriber.key == key)
    return session.exec(known).first() is not None


EDIT, UNDO = "edit", "undo edit"


@dataclass(frozen=True)
class Profile:
    """What staff can change of a person: topics by name, attributes as texts."""

    name: str = ""
    time_zone: str = ""
    language: str = ""
    topics: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


def find(session: Session, subscriber_id: int) -> Subscriber:
    """Return a subscriber, or say that there is none of this number."""
    words = f"there is no subscriber {subscriber_id}"
    return get_or_raise(session, Subscriber, subscriber_id, SubscriberNotFound, words)


def find_by_address(session: Session, address: str) -> Subscriber:
    """Return the subscriber with an address, or say that there is none."""
    key = parse_address(address.strip()).key
    person = session.exec(select(Subscriber).where(Subscriber.key == key)).first()
    if person is None:
        raise SubscriberNotFound(f"there is no subscriber {key}")
    return person


def profile(session: Session, person: Subscriber) -> Profile:
    """Return what can be changed of a person, as it is now."""
    names = {topic_id: name for name, topic_id in topic_ids(session).items()}
    rows = session.exec(
        select(Subscription.topic_id, Subscription.frequency)
        .where(Subscription.subscriber_id == person.id)
        .order_by(col(Subscription.topic_id))
    )
    return Profile(
        name=person.name,
        time_zone=person.time_zone,
        language=person.language,
        topics={names[topic_id]: Frequency(often).value for topic_id, often in rows},
        attributes={name: _text(value) for name, value in person.attributes.items()},
    )


def edit(
    session: Session, subscriber_id: int, wanted: Profile, *, by: str, now: datetime
) -> int | None:
    """Change a person; return the number under which it can be undone.

    None where nothing is different. Raises WrongInput for what cannot be kept.
    """
    person = find(session, subscriber_id)
    before = profile(session, person)
    _check(session, person, wanted)
    if wanted == before:
        return None
    _write(session, person, before, wanted)
    return audit.record(
        session,
        audit.of_subscriber(subscriber_id),
        EDIT,
        by=by,
        now=now,
        before=_changed(before, wanted),
        after=_changed(wanted, before),
    )


def undo(session: Session, entry_id: int, *, by: str, now: datetime) -> int:
    """Take an edit back; return the subscriber's id.

    Refused where the same was changed again since, so that nothing newer is lost.
    """
    entry = session.get(AuditEntry, entry_id)
    if entry is None or entry.action != EDIT:
        raise WrongInput("there is nothing to undo")
    subscriber_id = int(entry.subject.rpartition(" ")[2])
    person = find(session, subscriber_id)
    here = profile(session, person)
    before, after = entry.detail["before"], entry.detail["after"]
    if any(asdict(here)[name] != value for name, value in after.items()):
        raise WrongInput("it was changed again since: look at it first")
    _write(session, person, here, Profile(**asdict(here) | before))
    subject = audit.of_subscriber(subscriber_id)
    audit.record(session, subject, UNDO, by=by, now=now, before=after, after=before)
    return subscriber_id


def _check(session: Session, person: Subscriber, wanted: Profile) -> None:
    """Refuse what a roster's row would be rejected for."""
    row = {
        "address": person.address,
        "name": wanted.name,
        "time_zone": wanted.time_zone,
        "language": wanted.language,
        **wanted.attributes,
    }
    reader = EntryReader(read_header(list(row)), {})
    reader.read(CsvRow(1, [guarded(cell.strip()) for cell in row.values()]))
    known = topic_ids(session)
    for name, often in wanted.topics.items():
        if name not in known:
            raise WrongInput(f"there is no topic {name!r}")
        if often not in set(Frequency):
            raise WrongInput(f"{often!r} says not how often")


def _write(
    session: Session, person: Subscriber, before: Profile, wanted: Profile
) -> None:
    person.name, person.time_zone = wanted.name, wanted.time_zone
    person.language = wanted.language
    # What is no text in the table stays what it is unless it was changed.
    person.attributes = {
        name: person.attributes[name] if before.attributes.get(name) == text else text
        for name, text in wanted.attributes.items()
        if text or name in person.attributes
    }
    session.add(person)
    _follow(session, person.id or 0, before.topics, wanted.topics)
    session.flush()


def _follow(
    session: Session,
    subscriber_id: int,
    before: Mapping[str, str],
    wanted: Mapping[str, str],
) -> None:
    ids = topic_ids(session)
    gone = [ids[name] for name in before if name not in wanted]
    session.execute(
        delete(Subscription)
        .where(col(Subscription.subscriber_id) == subscriber_id)
        .where(col(Subscription.topic_id).in_(gone))
    )
    for name, often in wanted.items():
        if before.get(name) != often:
            session.merge(
                Subscription(
                    subscriber_id=subscriber_id,
                    topic_id=ids[name],
                    frequency=Frequency(often),
                )
            )


def _changed(these: Profile, others: Profile) -> dict[str, Any]:
    """Return what of these is different."""
    other = asdict(others)
    return {name: each for name, each in asdict(these).items() if each != other[name]}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
