from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from flashmail.transports.outbox import Outbox
from sqlalchemy import Engine
from sqlmodel import SQLModel

from flashmail.database import connect
from flashmail.web.app import create_app
from office import Office


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = connect("sqlite://")
    SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def office(engine: Engine) -> Office:
    return Office(engine)


@pytest.fixture
def client(office: Office, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(
        office.engine,
        office.tokens,
        Outbox(tmp_path / "outbox"),
        sendgrid_webhook_key=office.webhook.public_key,
    )
    with TestClient(
        app,
        base_url="http://127.0.0.1",
        follow_redirects=False,
        client=("127.0.0.1", 50000),
    ) as client:
        yield client
