"""Temporary tables of a merge, no part of the schema: they are gone when it is done."""

from collections.abc import Sequence

from sqlalchemy import Column, Integer, MetaData, String, Table
from sqlmodel import Session

from flashmail.database import is_sqlite

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
