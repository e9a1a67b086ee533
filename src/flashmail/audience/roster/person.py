"""One person, added or removed by hand."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from flashmail.audience.addresses import parse_address
from flashmail.audience.roster.columns import read_header
from flashmail.audience.roster.entry import EntryReader
from flashmail.audience.roster.guard import guarded
from flashmail.audience.roster.merge import KEPT_OUT, merge
from flashmail.audience.roster.source import Row
from flashmail.audience.topics import SEPARATOR, topic_ids
from flashmail.errors import WrongInput
from flashmail.model import LEFT, Subscriber, SubscriberStatus, Suppression


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
    entry = reader.read(Row(1, [guarded(cell.strip()) for cell in row.values()]))
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
    Who bounced or complained before stays so: the first reason counts.
    """
    key = parse_address(address.strip()).key
    unsubscribed = SubscriberStatus.UNSUBSCRIBED
    if session.get(Suppression, key) is None:
        session.add(
            Suppression(
                key=key, reason=unsubscribed, since=now, detail="removed by hand"
            )
        )
    session.execute(
        update(Subscriber)
        .where(col(Subscriber.key) == key, col(Subscriber.status).not_in(LEFT))
        .values(status=unsubscribed)
    )
    session.flush()
    known = select(Subscriber.id).where(Subscriber.key == key)
    return session.exec(known).first() is not None
