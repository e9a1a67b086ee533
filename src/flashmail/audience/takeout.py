"""All that is kept of a person, to be taken along (GDPR, article 20)."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, SQLModel, col, select

from flashmail.audience.log import of_subscriber
from flashmail.model import (
    MOVE,
    WAY_BACK,
    AuditEntry,
    Consent,
    Delivery,
    Event,
    Knock,
    Letter,
    Owed,
    Rhythm,
    Subscriber,
    Subscription,
    Suppression,
    Topic,
)

#: Tables whose rows say whose they are.
BY_NUMBER: tuple[type[Any], ...] = (
    Subscription,
    Rhythm,
    Delivery,
    Owed,
    Event,
    Consent,
)


def takeout(session: Session, person: Subscriber) -> dict[str, Any]:
    """Return every row that is about a person, by table; times in ISO 8601."""
    found = {"subscriber": [_plain(person)]}
    found |= {
        table.__tablename__: [_plain(row) for row in _rows(session, table, where)]
        for table, where in about(person)
    }
    names = {topic.id: topic.name for topic in session.exec(select(Topic))}
    for row in found["subscription"]:
        row["topic"] = names.get(row["topic_id"], "")
    return found


def about(person: Subscriber) -> Iterator[tuple[type[Any], ColumnElement[bool]]]:
    """Yield each table with the condition for its rows about a person."""
    for table in BY_NUMBER:
        yield table, table.subscriber_id == person.id
    yield Suppression, col(Suppression.key) == person.key
    theirs = (col(Knock.key) == person.key) | (col(Knock.subscriber_id) == person.id)
    # Letters went to earlier addresses, too. Not to every one that was asked for: that
    # may be somebody else's.
    earlier = select(Knock.address).where(
        Knock.subscriber_id == person.id, Knock.source == WAY_BACK
    )
    mine = col(Letter.address) == person.address
    yield (
        Letter,
        mine | (col(Letter.asked_by) == MOVE) & col(Letter.address).in_(earlier),
    )
    yield Knock, theirs
    subjects = (of_subscriber(person.id or 0), f"address {person.key}")
    yield AuditEntry, col(AuditEntry.subject).in_(subjects)


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
