"""Erasing one of a million: what is looked through, and what lies on this machine."""

import asyncio
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlalchemy.event import listen, remove
from sqlmodel import select

from flashmail.database import reading, transaction
from flashmail.links import Purpose
from flashmail.message import TOKEN, Message
from flashmail.model import Consent, Delivery, Subscriber, SubscriberStatus
from flashmail.privacy import erase
from flashmail.transports import Recipient
from flashmail.transports.outbox import CUR, NEW, Outbox
from office import NOON, Office

CAMPAIGNS, PEOPLE = 100, 2_000


@pytest.fixture
def crowd(office: Office) -> Office:
    """Many people got many campaigns."""
    office.subscribe("Anne", "Iran")
    first = office.draft()
    numbers = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n"
    with office.engine.begin() as connection:
        copied = [
            column.name
            for column in Delivery.metadata.tables["campaign"].columns
            if column.name != "id"
        ]
        some = ", ".join(copied)
        connection.execute(
            text(
                f"INSERT INTO campaign ({some}) {numbers} WHERE n < {CAMPAIGNS - 1})"
                f" SELECT {some} FROM campaign, n WHERE id = {first}"
            )
        )
        connection.execute(
            text(
                "INSERT INTO delivery (campaign_id, subscriber_id, state, attempts,"
                f" reason, retryable, state_since) {numbers} WHERE n < {PEOPLE})"
                " SELECT campaign.id, n, 'sent', 1, '', false, '2026-03-02 12:00:00'"
                " FROM campaign, n"
            )
        )
        connection.execute(text("ANALYZE"))
    return office


def test_one_is_erased_without_looking_at_everybody_elses_mails(crowd: Office) -> None:
    plans = []

    def explain(
        connection: object, cursor: object, statement: str, values: object, *_: object
    ) -> None:
        if re.search(r"delivery", statement) and not statement.startswith("EXPLAIN"):
            plans.append((statement, values))

    listen(crowd.engine, "before_cursor_execute", explain)
    with transaction(crowd.engine) as session:
        erase(session, session.get_one(Subscriber, 1), now=NOON)
    remove(crowd.engine, "before_cursor_execute", explain)

    assert plans
    for statement, values in plans:
        plan = explained(crowd.engine, statement, values)
        assert not re.search(r"(SCAN|Seq Scan on) delivery\b", plan), plan
    with transaction(crowd.engine) as session:
        owners = session.exec(select(Delivery.subscriber_id).distinct()).all()
        assert 1 not in owners
        assert len(owners) == PEOPLE


def explained(engine: Engine, statement: str, values: object) -> str:
    words = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.begin() as connection:
        rows = connection.exec_driver_sql(f"{words} {statement}", values)  # type: ignore[arg-type]
        return "\n".join(str(tuple(row)) for row in rows)


def keep(folder: Path, *addresses: str) -> Outbox:
    outbox = Outbox(folder)
    mail = Message(
        "Storm", "<p>", "anne@example.org was here", (("From", "b@example.org"),)
    )
    people = [
        Recipient(n, each, {"address": each, TOKEN: f"{n}abc"})
        for n, each in enumerate(addresses)
    ]

    async def arm(_: object) -> None:
        pass

    asyncio.run(outbox.send(mail, people, arm))
    return outbox


def test_mails_on_this_machine_are_erased_too(
    client: TestClient, office: Office, tmp_path: Path
) -> None:
    office.subscribe("Anne", "Iran")
    others = ("anne@example.org.uk", "xanne@example.org")
    outbox = keep(tmp_path / "outbox", "Anne@Example.org", "anne@example.org", *others)
    read = next((tmp_path / "outbox" / NEW).glob("1abc"))
    (tmp_path / "outbox" / CUR / "1abc:2,S").hardlink_to(read)
    read.unlink()

    client.post(f"/me/{office.own_token()}/erase", data={"really": "yes"})

    assert sorted(each.to for each in outbox.mails()) == sorted(others)
    assert office.get(Subscriber, 1) is None


def test_staff_erase_them_too(
    client: TestClient, office: Office, tmp_path: Path
) -> None:
    office.subscribe("Anne", "Iran")
    outbox = keep(tmp_path / "outbox", "anne@example.org")

    client.post("/subscribers/1/erase", data={"address": "anne@example.org"})

    assert list(outbox.mails()) == []


def test_a_link_of_somebody_erased_is_nobody_elses(
    office: Office, client: TestClient
) -> None:
    office.subscribe("Anne", "Iran")
    bart = office.subscribe("Bart", "Iran")
    link = f"/u/{office.token(Purpose.LEAVE, bart)}"
    with transaction(office.engine) as session:
        erase(session, session.get_one(Subscriber, bart), now=NOON)

    carl = office.subscribe("Carl", "Iran")
    assert client.post(link).status_code == 200

    assert carl != bart
    person = office.get(Subscriber, carl)
    assert person.status is SubscriberStatus.ACTIVE
    with reading(office.engine) as session:
        assert session.exec(select(Consent)).all() == []
