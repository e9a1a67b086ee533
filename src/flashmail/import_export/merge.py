"""Merge entries into the tables, some thousands at once, without a loop over them.

The rules, for each entry with an address that
  is suppressed, or belongs to a person that left:   nothing changes
  is new:                                          it is added
  is known:  what the entry says replaces what was there, empty cells say nothing,
             topics and attributes are added to those that were there, and a topic
             that the entry gives a frequency is read that often from now on;
             no known subscriber goes back to "has not confirmed"
and a person that has left, as an entry says, is suppressed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session, SQLModel

from flashmail.audience.suppression import erased_addresses, suppress_selected
from flashmail.database import is_sqlite, upsert
from flashmail.import_export.staging import Staged
from flashmail.model import OPTED_OUT, Frequency, SubscriberStatus

TEMPORARY = MetaData()

staged = Table(
    "staged",
    TEMPORARY,
    Column("n", Integer, primary_key=True, autoincrement=False),
    *(
        Column(name, String, nullable=False)
        for name in ("key", "address", "name", "status", "time_zone", "language")
    ),
    Column("attributes", String, nullable=False),
    Column("topics", String, nullable=False),
    prefixes=["TEMPORARY"],
)

judged = Table(
    "judged",
    TEMPORARY,
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("subscriber_id", Integer),
    Column("outcome", String, nullable=False),
    Column("status", String, nullable=False),
    prefixes=["TEMPORARY"],
)


def fill(session: Session, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Put rows into a table, as fast as the database takes them."""
    connection = session.connection()
    if not rows:
        return
    if is_sqlite(session):
        marks = ", ".join("?" * len(table.columns))
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} VALUES ({marks})", list(rows)
        )
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table.name} FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


_TABLES = SQLModel.metadata.tables

subscriber = _TABLES["subscriber"]

subscription = _TABLES["subscription"]

suppression = _TABLES["suppression"]

TEXTS = ("name", "status", "time_zone", "language")

ADDED, UPDATED, UNCHANGED, KEPT_OUT = "added", "updated", "unchanged", "kept_out"

#: What an entry may say without meaning that it should replace what is known.
_SILENT = {
    each: ("", SubscriberStatus.PENDING.value) if each == "status" else ("",)
    for each in TEXTS
}

_LEFT = sorted(status.value for status in OPTED_OUT)

Judged = dict[tuple[str, str], int]


def merge(
    session: Session, entries: Sequence[Staged], *, now: datetime, dry_run: bool = False
) -> Judged:
    """Merge entries of different addresses; return how many there are of each
    (outcome, status afterwards)."""
    if not is_sqlite(session) and not dry_run:
        # Nobody may leave between the look at a row and its change.
        session.execute(text("LOCK TABLE subscriber IN SHARE ROW EXCLUSIVE MODE"))
    # Of erased people nothing is kept that a table could be joined with.
    erased = erased_addresses(session, (each[1] for each in entries))
    entries = [each for each in entries if each[1] not in erased]
    TEMPORARY.create_all(session.connection(), checkfirst=False)
    fill(session, staged, entries)
    _judge(session)
    if not dry_run:
        _add(session, now)
        _update(session)
        _follow(session)
        if any('":"' in entry[-1] for entry in entries):
            _set_frequencies(session)
        _suppress(session, now)
    rows = session.execute(
        select(judged.c.outcome, judged.c.status, func.count()).group_by(
            judged.c.outcome, judged.c.status
        )
    )
    counted = {(outcome, status): n for outcome, status, n in rows}
    if erased:
        out = (KEPT_OUT, SubscriberStatus.UNSUBSCRIBED.value)
        counted[out] = counted.get(out, 0) + len(erased)
    TEMPORARY.drop_all(session.connection(), checkfirst=False)
    return counted


def _judge(session: Session) -> None:
    known = staged.outerjoin(subscriber, subscriber.c.key == staged.c.key).outerjoin(
        suppression, suppression.c.key == staged.c.key
    )
    gone = subscriber.c.status.in_(_LEFT)
    left = or_(suppression.c.key.is_not(None), gone)
    outcome = case(
        (
            and_(left, staged.c.status.in_(_LEFT), subscriber.c.id.is_not(None)),
            UNCHANGED,
        ),
        (left, KEPT_OUT),
        (subscriber.c.id.is_(None), ADDED),
        (_differs(session), UPDATED),
        else_=UNCHANGED,
    )
    stands = case(
        (gone, _plain(subscriber.c.status)),
        (left, _plain(suppression.c.reason)),
        (_says("status"), staged.c.status),
        (and_(subscriber.c.id.is_(None), staged.c.status != ""), staged.c.status),
        else_=func.coalesce(_plain(subscriber.c.status), SubscriberStatus.ACTIVE.value),
    )
    rows = select(staged.c.n, subscriber.c.id, outcome, stands).select_from(known)
    session.execute(insert(judged).from_select(list(judged.c), rows))


def _plain(column: ColumnElement[str]) -> ColumnElement[str]:
    return cast(column, String)


def _differs(session: Session) -> ColumnElement[bool]:
    """Return whether an entry says anything new about a subscriber."""
    before, after = _attributes(session)
    _, topic_id, often = _listed(session)
    follows = exists().where(
        subscription.c.subscriber_id == subscriber.c.id,
        subscription.c.topic_id == topic_id,
        or_(often.is_(None), often == _plain(subscription.c.frequency)),
    )
    new_topic = select(topic_id).where(~follows.correlate_except(subscription)).exists()
    return or_(
        *(
            and_(_says(each), staged.c[each] != _plain(subscriber.c[each]))
            for each in TEXTS
        ),
        and_(staged.c.attributes != "{}", before != after),
        and_(staged.c.topics != "{}", new_topic),
    )


def _says(column: str) -> ColumnElement[bool]:
    """Return whether an entry says something that replaces what is known."""
    return staged.c[column].not_in(_SILENT[column])


def _attributes(session: Session) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return a subscriber's attributes as they are, and with those of the entry."""
    if is_sqlite(session):
        before = func.json(cast(subscriber.c.attributes, String))
        return before, func.json_patch(before, staged.c.attributes)
    there = cast(subscriber.c.attributes, JSONB)
    return there, there.op("||")(cast(staged.c.attributes, JSONB))


def _of(outcome: str) -> tuple[ColumnElement[bool], ...]:
    return (judged.c.n == staged.c.n, judged.c.outcome == outcome)


def _add(session: Session, now: datetime) -> None:
    attributes = staged.c.attributes
    values = {
        "address": staged.c.address,
        "key": staged.c.key,
        "name": staged.c.name,
        "status": judged.c.status,
        "time_zone": staged.c.time_zone,
        "language": staged.c.language,
        "attributes": attributes if is_sqlite(session) else cast(attributes, JSON),
        "created_at": literal(now, subscriber.c.created_at.type),
    }
    rows = select(*values.values()).where(*_of(ADDED)).order_by(staged.c.n)
    session.execute(insert(subscriber).from_select(list(values), rows))


def _update(session: Session) -> None:
    _, merged = _attributes(session)
    session.execute(
        update(subscriber)
        .where(subscriber.c.id == judged.c.subscriber_id, *_of(UPDATED))
        .values(
            {
                each: case(
                    (_says(each), staged.c[each]),
                    else_=_plain(subscriber.c[each]),
                )
                for each in TEXTS
            }
        )
    )
    session.execute(
        update(subscriber)
        .where(subscriber.c.id == judged.c.subscriber_id, *_of(UPDATED))
        .where(staged.c.attributes != "{}")
        .values(attributes=merged if is_sqlite(session) else cast(merged, JSON))
    )


def _follow(session: Session) -> None:
    """Let the people follow what the entries list; nobody loses a topic."""
    columns = ["subscriber_id", "topic_id", "frequency"]
    session.execute(
        upsert(session, subscription)
        .from_select(columns, _wishes(session))
        .on_conflict_do_nothing()
    )


def _set_frequencies(session: Session) -> None:
    """Let the people read as often as the entries say."""
    wished = _wishes(session, stated=True).subquery()
    session.execute(
        update(subscription)
        .where(subscription.c.subscriber_id == wished.c[0])
        .where(subscription.c.topic_id == wished.c[1])
        .values(frequency=wished.c[2])
    )


def _wishes(session: Session, *, stated: bool = False) -> Select[tuple[int, int, str]]:
    """Return subscriber, topic and frequency of what the entries list.

    Where an entry does not state one, it is instant; or it is left out.
    """
    listed, topic_id, often = _listed(session)
    instant = literal(Frequency.INSTANT.value, String)
    wishes = (
        select(
            subscriber.c.id.label("subscriber_id"),
            topic_id.label("topic_id"),
            func.coalesce(often, instant).label("frequency"),
        )
        .select_from(
            judged.join(staged, staged.c.n == judged.c.n)
            .join(subscriber, subscriber.c.key == staged.c.key)
            .join(listed, true())
        )
        .where(judged.c.outcome.in_([ADDED, UPDATED]))
    )
    return wishes.where(often.is_not(None)) if stated else wishes


def _listed(
    session: Session,
) -> tuple[FromClause, ColumnElement[int], ColumnElement[str]]:
    """Return the topics of an entry as a table to be joined, and its columns: their
    ids, and how often."""
    if is_sqlite(session):
        listed = func.json_each(staged.c.topics).table_valued("key", "value")
        return listed, cast(listed.c.key, Integer), listed.c.value
    topics = func.jsonb_each_text(cast(staged.c.topics, JSONB))
    table = topics.table_valued("key", "value").render_derived()
    return table, cast(table.c.key, Integer), table.c.value


def _suppress(session: Session, now: datetime) -> None:
    already = exists().where(suppression.c.key == staged.c.key)
    rows = select(
        staged.c.key,
        staged.c.status,
        literal(now, suppression.c.since.type),
        literal("so says a roster"),
    ).where(staged.c.status.in_(_LEFT), ~already)
    suppress_selected(session, rows)
