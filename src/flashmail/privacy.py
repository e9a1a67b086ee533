"""All that is kept of a person, to be taken along (GDPR, article 20)."""

import json
import secrets
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, update
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from flashmail import audit
from flashmail.audience.suppression import suppress_hashed
from flashmail.model import (
    UNDO_REQUEST,
    UNFINISHED,
    AuditEntry,
    Campaign,
    Consent,
    Delivery,
    DeliveryPreferences,
    DeliveryState,
    DigestItem,
    Event,
    Subscriber,
    Subscription,
    SubscriptionRequest,
    Suppression,
    Topic,
    TransactionalKind,
    TransactionalMail,
)
from flashmail.model.types import in_array
from flashmail.transports.outbox import Outbox

#: Tables with rows that name a subscriber.
BY_NUMBER: tuple[type[Any], ...] = (
    Subscription,
    DeliveryPreferences,
    Delivery,
    DigestItem,
    Event,
    Consent,
)


def takeout(session: Session, person: Subscriber) -> dict[str, Any]:
    """Return every row that is about a person, by table; times in ISO 8601."""
    found = {"subscriber": [_plain(person)]}
    found |= {
        table.__tablename__: [_plain(row) for row in _rows(session, table, where)]
        for table, where in about(session, person)
    }
    names = {topic.id: topic.name for topic in session.exec(select(Topic))}
    for row in found["subscription"]:
        row["topic"] = names.get(row["topic_id"], "")
    return found


def about(
    session: Session, person: Subscriber
) -> Iterator[tuple[type[Any], ColumnElement[bool]]]:
    """Yield each table with the condition for its rows about a person."""
    assert person.id is not None
    for table in BY_NUMBER:
        if table is Delivery:
            yield table, deliveries_of(session, person.id)
        else:
            yield table, table.subscriber_id == person.id
    yield Suppression, col(Suppression.key) == person.key
    theirs = (col(SubscriptionRequest.key) == person.key) | (
        col(SubscriptionRequest.subscriber_id) == person.id
    )
    # Mails went to earlier addresses, too. Not to every one that was asked for: that
    # may be somebody else's.
    earlier = _earlier(person)
    mine = col(TransactionalMail.address) == person.address
    asked = select(SubscriptionRequest.id).where(theirs)
    yield (
        TransactionalMail,
        mine
        | col(TransactionalMail.request_id).in_(asked)
        | (col(TransactionalMail.kind) == TransactionalKind.ADDRESS_CHANGED)
        & col(TransactionalMail.address).in_(earlier),
    )
    yield SubscriptionRequest, theirs
    subjects = (audit.of_subscriber(person.id or 0), f"address {person.key}")
    yield AuditEntry, col(AuditEntry.subject).in_(subjects)


def addresses_of(session: Session, person: Subscriber) -> set[str]:
    """Return the addresses at which a person is, and was, as far as is known."""
    return {person.address, *session.exec(_earlier(person))}


def deliveries_of(session: Session, subscriber_id: int) -> ColumnElement[bool]:
    """Return the condition for a person's deliveries, campaign by campaign.

    Their key begins with the campaign. To find one person's of twenty million otherwise
    means to read them all, and an index costs more than that in each campaign.
    """
    numbers = session.exec(select(Campaign.id)).all()
    campaigns = in_array(
        col(Delivery.campaign_id), None, [each or 0 for each in numbers]
    )
    return and_(campaigns, col(Delivery.subscriber_id) == subscriber_id)


def _earlier(person: Subscriber) -> SelectOfScalar[str]:
    return select(SubscriptionRequest.address).where(
        SubscriptionRequest.subscriber_id == person.id,
        SubscriptionRequest.source == UNDO_REQUEST,
    )


def as_text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"


def _rows(
    session: Session, table: type[Any], where: ColumnElement[bool]
) -> list[SQLModel]:
    return list(session.exec(select(table).where(where)))


def _plain(row: SQLModel) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.model_dump().items()
    }


#: Rows that count in totals: they stay, and lead to no person any more.
COUNTED = (Delivery, Event)


def erase(session: Session, person: Subscriber, *, now: datetime) -> None:
    """Erase all rows about a person; what counts in totals belongs to nobody any more.

    The address stays suppressed, by a keyed hash: no import brings it back.
    """
    assert person.id is not None
    _forget(session, person, now)
    for table, where in about(session, person):
        if table not in COUNTED:
            session.execute(delete(table).where(where))
    session.execute(delete(Subscriber).where(col(Subscriber.id) == person.id))
    suppress_hashed(session, person.key, now=now)


def _forget(session: Session, person: Subscriber, now: datetime) -> None:
    """Give what counts in totals to a number that is nobody's."""
    # Below 1 are no subscribers, and from this number nothing leads to the old one.
    nobody = -1 - secrets.randbelow(1 << 31 - 1)
    assert person.id is not None
    theirs = deliveries_of(session, person.id)
    session.execute(
        update(Delivery)
        .where(theirs, col(Delivery.state).in_(UNFINISHED))
        .values(state=DeliveryState.SKIPPED, reason="erased", state_since=now)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Delivery)
        .where(theirs)
        .values(
            subscriber_id=nobody,
            reason=func.replace(col(Delivery.reason), person.address, "…"),
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Event)
        .where(col(Event.subscriber_id) == person.id)
        .values(
            subscriber_id=nobody,
            detail=func.replace(col(Event.detail), person.address, "…"),
        )
    )


def erase_everywhere(
    session: Session, person: Subscriber, outbox: Outbox, *, now: datetime
) -> None:
    """Erase a person from the database, and their mails from the outbox.

    The mails first: what fails half way can be done again as long as the person is
    known.
    """
    outbox.forget(addresses_of(session, person))
    erase(session, person, now=now)
