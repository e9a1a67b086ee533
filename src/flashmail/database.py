"""The database, and the one place where anything is committed."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, CursorResult, Engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, SQLModel, create_engine

from flashmail.errors import NotFound, WrongInput

Row = TypeVar("Row", bound=SQLModel)

#: How long a writer waits for another one, in milliseconds.
BUSY_TIMEOUT = 30_000

#: After how many milliseconds PostgreSQL ends a transaction of a process that stands
#: still, or of a machine that is gone, so that its locks keep nothing waiting.
FORSAKEN = 30_000

#: What is raised when the database cannot be reached.
AWAY = (OperationalError, InterfaceError)


def connect(url: str) -> Engine:
    """Return an engine for `sqlite:///FILE`, `sqlite://` (memory) or `postgresql://`.

    SQLite runs in WAL mode with synchronous=FULL: what was committed survives a power
    cut, which is what a promise not to mail twice rests on.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text is not repeated: there may be a password in it.
        raise WrongInput("FLASHMAIL_DATABASE_URL is no address of a database") from None
    if parsed.get_backend_name() == "postgresql":
        return create_engine(_postgresql(parsed))
    if parsed.get_backend_name() != "sqlite":
        raise WrongInput(f"{parsed.get_backend_name()} is no database flashmail knows")
    in_memory = parsed.database in (None, "", ":memory:")
    kind: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
    engine = create_engine(
        parsed, connect_args={"check_same_thread": False, "timeout": 30}, **kind
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One request, one command, one batch: all of it is kept, or none."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent look that keeps no writer waiting; nothing in it is kept."""
    bind = engine.execution_options(flashmail_reads=True)
    with Session(bind, expire_on_commit=False) as session:
        yield session


def is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _postgresql(url: URL) -> URL:
    asked = url.query.get("options", "")
    options = f"-c idle_in_transaction_session_timeout={FORSAKEN} {asked}"
    driver = url.set(drivername="postgresql+psycopg")
    return driver.update_query_dict({"options": options})


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own BEGIN is deferred: two writers then lose updates silently.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT}",
        "cache_size=-65536",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("flashmail_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


#: For so many seconds the database is not asked again.
TRUSTED_FOR = 30.0

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def clock_of(engine: Engine) -> Clock:
    """Return the clock that a database's users share; SQLite's is this machine's."""
    is_shared = engine.dialect.name == "postgresql"
    return DatabaseClock(engine) if is_shared else utc_now


class DatabaseClock:
    """PostgreSQL's clock, asked now and then, and counted on from there.

    `ticks` are seconds from no matter when, of a clock that nobody sets.
    """

    def __init__(
        self, engine: Engine, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._ticks = engine, ticks
        self._answer: tuple[float, datetime] | None = None
        self._ask_again_at = 0.0

    def __call__(self) -> datetime:
        if self._answer is None:
            self._answer = self._ask()
        elif self._ticks() > self._ask_again_at:
            # What it said last is good enough as long as it is away.
            with suppress(*AWAY):
                self._answer = self._ask()
        asked_at, answer = self._answer
        return answer + timedelta(seconds=self._ticks() - asked_at)

    def _ask(self) -> tuple[float, datetime]:
        begun = self._ticks()
        self._ask_again_at = begun + TRUSTED_FOR
        with reading(self._engine) as session:
            answer = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        # It looked at its clock somewhere between our question and its answer.
        return (begun + self._ticks()) / 2, answer.astimezone(UTC)


def rows_changed(result: object) -> int:
    """Return how many rows an UPDATE met."""
    assert isinstance(result, CursorResult)
    return result.rowcount


def upsert(session: Session, table: Any) -> Any:
    """Return an INSERT with the `on_conflict_...` methods of the session's database."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    return insert(table)


def get_or_raise(
    session: Session, table: type[Row], key: Any, missing: type[NotFound], words: str
) -> Row:
    """Return the row of this primary key; raise `missing` with `words` without one."""
    found = session.get(table, key)
    if found is None:
        raise missing(words)
    return found
