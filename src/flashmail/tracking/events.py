"""Rows in bulk: a thousand of them looked up, added and changed by one statement each.

The statements are said to the driver as they are. Putting them together anew for each
of ten thousand events in a second takes more time than the database does.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Dialect,
    SQLColumnExpression,
    any_,
    bindparam,
    func,
    select,
)
from sqlmodel import Session

from flashmail.database import is_sqlite
from flashmail.model import Actor, Delivery, DeliveryState, Event, EventKind


@dataclass(slots=True)
class NewEvent:
    """An event that is not written yet: the columns of `Event`, in their order.

    A plain value, because making a row of a table takes longer than all that is done
    with it.
    """

    key: str
    campaign_id: int
    subscriber_id: int
    kind: EventKind
    at: datetime
    recorded_at: datetime
    link: int | None = None
    detail: str = ""
    actor: Actor = Actor.UNKNOWN
    actor_reason: str = ""
    seconds_after_delivery: float | None = None
    user_agent: str = ""
    network: str = ""
    provider_says_machine: bool = False


#: One that is written or one that will be.
RecordedEvent = NewEvent | Event

COLUMNS = tuple(Event.__table__.columns)  # type: ignore[attr-defined]

NAMES = tuple(column.name for column in COLUMNS)

_delivery = Delivery.__table__.columns  # type: ignore[attr-defined]

MOVED = tuple(
    _delivery[name]
    for name in ("state_since", "reason", "retryable", "campaign_id", "subscriber_id")
)

MOVED_NAMES = tuple(column.name for column in MOVED)

Row = tuple[Any, ...]


def among(
    session: Session, column: SQLColumnExpression[Any], values: Collection[Any]
) -> ColumnElement[bool]:
    """Return whether a column is one of many values, which travel as a single one."""
    if is_sqlite(session):
        listed = func.json_each(bindparam(None, orjson.dumps(list(values)).decode()))
        return column.in_(select(listed.table_valued("value").c.value))
    return column == any_(bindparam(None, list(values)))


def add_events(session: Session, told: Iterable[RecordedEvent]) -> None:
    """Add events; where another post was quicker, its row stays."""
    connection = session.connection()
    moment = _moment(connection.dialect)
    rows = [_row(each, moment) for each in told]
    if is_sqlite(session):
        marks = ", ".join("?" * len(NAMES))
        statement = f"INSERT INTO event VALUES ({marks}) ON CONFLICT DO NOTHING"
        connection.exec_driver_sql(statement, rows)
        return
    connection.exec_driver_sql(
        f"INSERT INTO event ({', '.join(NAMES)})"
        f" SELECT {', '.join(NAMES)} FROM {_told(connection.dialect, COLUMNS)}"
        " ON CONFLICT DO NOTHING",
        (_json(NAMES, rows),),
    )


def _row(told: RecordedEvent, moment: Callable[[datetime], Any]) -> Row:
    """Return an event's values in the order of the table's columns."""
    at = moment(told.at)
    return (
        told.key,
        told.campaign_id,
        told.subscriber_id,
        str(told.kind),
        at,
        at if told.recorded_at is told.at else moment(told.recorded_at),
        told.link,
        told.detail,
        str(told.actor),
        told.actor_reason,
        told.seconds_after_delivery,
        told.user_agent,
        told.network,
        told.provider_says_machine,
    )


def move_deliveries(
    session: Session,
    target: DeliveryState,
    sources: Collection[DeliveryState],
    rows: Sequence[Row],
) -> None:
    """Move deliveries on that are in one of some states.

    Each row is (at, reason, retryable, campaign id, subscriber id); they come in one
    order everywhere, so that two posts never wait for each other.
    """
    connection = session.connection()
    at = _moment(connection.dialect)
    written = [(at(row[0]), *row[1:]) for row in rows]
    states = ", ".join(f"'{state.value}'" for state in sorted(sources))
    if is_sqlite(session):
        connection.exec_driver_sql(
            f"UPDATE delivery SET state = '{target.value}', state_since = ?,"
            " reason = ?, retryable = ? WHERE campaign_id = ? AND subscriber_id = ?"
            f" AND state IN ({states})",
            written,
        )
        return
    connection.exec_driver_sql(
        f"UPDATE delivery SET state = '{target.value}', state_since = told.state_since,"
        " reason = told.reason, retryable = told.retryable FROM ("
        f"SELECT told.* FROM {_told(connection.dialect, MOVED)} JOIN delivery AS theirs"
        " USING (campaign_id, subscriber_id) ORDER BY campaign_id, subscriber_id"
        " FOR UPDATE OF theirs) AS told"
        " WHERE delivery.campaign_id = told.campaign_id"
        " AND delivery.subscriber_id = told.subscriber_id"
        f" AND delivery.state IN ({states})",
        (_json(MOVED_NAMES, written),),
    )


def _told(dialect: Dialect, columns: Iterable[Column[Any]]) -> str:
    """Return rows that travel as one JSON text, as a table for PostgreSQL.

    A parameter for each column of a thousand rows takes the driver longer to write than
    all else that is done with them.
    """
    typed = (f"{each.name} {each.type.compile(dialect)}" for each in columns)
    return f"json_to_recordset(%s::json) AS told({', '.join(typed)})"


def _json(names: Sequence[str], rows: Iterable[Row]) -> str:
    told = [dict(zip(names, row, strict=True)) for row in rows]
    return orjson.dumps(told).decode()


@lru_cache(4)
def _moment(dialect: Dialect) -> Callable[[datetime], Any]:
    """Return how a moment is written for a driver."""
    kind = Event.__table__.c.at.type  # type: ignore[attr-defined]
    written = kind.dialect_impl(dialect).bind_processor(dialect)
    assert written is not None
    # Events of one post share their moments, and writing one takes a while.
    found: Callable[[datetime], Any] = lru_cache(1 << 10)(written)
    return found
