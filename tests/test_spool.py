"""Leaving while the database is away."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import SQLModel

from flashmail.database import connect
from flashmail.links import Purpose
from flashmail.model import Subscriber, SubscriberStatus
from flashmail.tracking.unsubscribe import Spool
from flashmail.transports.outbox import Outbox
from flashmail.web.app import create_app
from office import Office

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Anne's, with its tables in a file that can be locked and taken away."""
    engine: Engine = connect(f"sqlite:///{tmp_path / 'flashmail.db'}")
    SQLModel.metadata.create_all(engine)
    office = Office(engine)
    office.subscribe("Anne", "Iran")
    yield office
    engine.dispose()


@pytest.fixture
def client(office: Office, tmp_path: Path) -> Iterator[TestClient]:
    outbox = Outbox(tmp_path / "outbox")
    app = create_app(office.engine, office.tokens, outbox, home=tmp_path)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client
    app.state.spool.close()


def words(home: Path) -> list[Path]:
    return sorted((home / "spool").glob("*.json"))


def leave(office: Office, client: TestClient, token: str = "") -> int:
    token = token or office.token(Purpose.LEAVE)
    return client.post(f"/u/{token}", data=ONE_CLICK).status_code


def status(office: Office) -> SubscriberStatus:
    found: SubscriberStatus = office.get(Subscriber, 1).status
    return found


def test_nothing_stays_in_the_spool_when_all_is_well(
    office: Office, client: TestClient, tmp_path: Path
) -> None:
    assert leave(office, client) == 200

    assert status(office) is SubscriberStatus.UNSUBSCRIBED
    assert words(tmp_path) == []


def test_who_leaves_while_there_is_no_database_has_left(
    office: Office, client: TestClient, tmp_path: Path
) -> None:
    office.engine.dispose()
    database = tmp_path / "flashmail.db"
    database.rename(tmp_path / "away")
    database.mkdir()  # so that nothing can be opened there

    assert "Unsubscribe" in client.get(f"/u/{office.token(Purpose.LEAVE)}").text
    assert leave(office, client) == 200
    assert len(words(tmp_path)) == 1

    database.rmdir()
    (tmp_path / "away").rename(database)
    assert Spool(office.engine, office.tokens, tmp_path).replay() == 1
    assert status(office) is SubscriberStatus.UNSUBSCRIBED
    assert words(tmp_path) == []


@pytest.mark.slow
def test_a_locked_database_keeps_nobody_waiting_for_long(
    office: Office, client: TestClient, tmp_path: Path
) -> None:
    lock = sqlite3.connect(tmp_path / "flashmail.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")

    assert leave(office, client) == 200
    assert len(words(tmp_path)) == 1

    lock.execute("ROLLBACK")
    lock.close()
    Spool(office.engine, office.tokens, tmp_path).replay()
    assert status(office) is SubscriberStatus.UNSUBSCRIBED


def test_a_forged_token_fills_no_spool(
    office: Office, client: TestClient, tmp_path: Path
) -> None:
    assert leave(office, client, "0" * 48) == 404
    assert words(tmp_path) == []


def test_nonsense_in_the_spool_is_put_aside(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / "1.json").write_text("{")
    said = {"token": "0" * 48, "topics": [], "at": office.now.isoformat()}
    (folder / "2.json").write_text(json.dumps(said))

    assert Spool(office.engine, office.tokens, tmp_path).replay() == 0
    assert sorted(each.name for each in folder.iterdir()) == ["1.wrong", "2.wrong"]
