"""Rows in bulk: a thousand of them looked up, added and changed by one statement each.

The statements are said to the driver as they are. Putting them together anew for each
of ten thousand events in a second takes more time than the database does.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
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
from flashmail.model import DeliveryState, Event
from flashmail.tracking.told import Deed

COLUMNS = tuple(Event.__table__.columns)  # type: ignore[attr-defined]
NAMES = tuple(column.name for column in COLUMNS)

Row = tuple[Any, ...]


def among(
    session: Session, column: SQLColumnExpression[Any], values: Collection[Any]
) -> ColumnElement[bool]:
    """Return whether a column is one of many values, which travel as a single one."""
    if is_sqlite(session):
        listed = func.json_each(bindparam(None, orjson.dumps(list(values)).decode()))
        return column.in_(select(listed.table_valued("value").c.value))
    return column == any_(bindparam(None, list(values)))


def add_events(session: Session, told: Iterable[Deed]) -> None:
    """Add events; where another post was quicker, its row stays."""
    connection = session.connection()
    moment = _moment(connection.dialect)
    rows = [_row(each, moment) for each in told]
    if is_sqlite(session):
        marks = ", ".join("?" * len(NAMES))
        statement = f"INSERT INTO event VALUES ({marks}) ON CONFLICT DO NOTHING"
        connection.exec_driver_sql(statement, rows)
        return
    types = [column.type.compile(connection.dialect) for column in COLUMNS]
    arrays = ", ".join(f"%s::{each}[]" for each in types)
    connection.exec_driver_sql(
        f"INSERT INTO event ({', '.join(NAMES)}) SELECT * FROM unnest({arrays})"
        " ON CONFLICT DO NOTHING",
        tuple(list(each) for each in zip(*rows, strict=True)),
    )


def _row(told: Deed, moment: Callable[[datetime], Any]) -> Row:
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
        told.after,
        told.agent,
        told.network,
        told.flagged,
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
    mark = "?" if is_sqlite(session) else "%s"
    at = _moment(connection.dialect)
    states = ", ".join(f"'{state.value}'" for state in sorted(sources))
    connection.exec_driver_sql(
        f"UPDATE delivery SET state = '{target.value}', at = {mark}, reason = {mark},"
        f" retryable = {mark} WHERE campaign_id = {mark} AND subscriber_id = {mark}"
        f" AND state IN ({states})",
        [(at(row[0]), *row[1:]) for row in rows],
    )


@lru_cache(4)
def _moment(dialect: Dialect) -> Callable[[datetime], Any]:
    """Return how a moment is written for a driver."""
    kind = Event.__table__.c.at.type  # type: ignore[attr-defined]
    written = kind.dialect_impl(dialect).bind_processor(dialect)
    assert written is not None
    # Events of one post share their moments, and writing one takes a while.
    found: Callable[[datetime], Any] = lru_cache(1 << 10)(written)
    return found
