"""Caps: so many people a day; what is larger, an admin approves."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from flashmail.database import reading, transaction
from flashmail.errors import WrongInput
from flashmail.model import AuditEntry, Campaign, CampaignStatus, Role, Staff
from flashmail.staff import members, permissions
from newsroom import enter, hire, written
from office import NOON, Office
from shell import Home
from test_sending_pages import REASON, approve, fields, make


@pytest.fixture
def two(client: TestClient, office: Office) -> Office:
    """Anne and Boris follow Iran; Boris may send to three people a day, Ada to all."""
    office.now = datetime.now(UTC)
    office.subscribe("Anne", "Iran")
    office.subscribe("Boris", "Iran")
    edna = hire(office, "Edna")
    written(office, edna)
    capped(office, hire(office, "Bert"), 3)
    hire(office, "Ada", Role.ADMIN)
    enter(client, office, edna)
    return office


def capped(office: Office, who: Staff, daily: int | None) -> None:
    with transaction(office.engine) as session:
        staff = members.find(session, who.key)
        members.cap(session, staff, daily, by="Ada", now=NOON)


def sit(client: TestClient, office: Office, name: str) -> Staff:
    with reading(office.engine) as session:
        staff = members.find(session, f"{name.lower()}@example.org")
    enter(client, office, staff)
    return staff


def left(office: Office, staff: Staff) -> int | None:
    with reading(office.engine) as session:
        return permissions.remaining_today(session, staff, now=datetime.now(UTC))


def test_what_is_within_it_goes_and_what_is_over_it_does_not(
    client: TestClient, two: Office
) -> None:
    first, second = make(client), make(client)
    bert = sit(client, two, "Bert")

    assert "Of your 3 people a day 3 are left" in client.get(f"{first}/approve").text
    seen = fields(client.get(f"{second}/approve").text)
    assert approve(client, first) == 303
    assert left(two, bert) == 1
    page = client.get(f"{second}/approve").text
    answer = client.post(f"{second}/approve", data=seen | {"when": "now"})

    assert "It goes to 2 people, and of your 3 a day 1 are left" in page
    assert answer.status_code == 403
    assert "ask an admin to approve it" in answer.text
    assert two.status(2) is CampaignStatus.DRAFT
    sit(client, two, "Ada")
    assert approve(client, second) == 303


def test_a_reason_does_not_get_around_it(client: TestClient, two: Office) -> None:
    path = make(client)
    seen = fields(client.get(f"{path}/approve").text)
    edna = sit(client, two, "Edna")
    capped(two, edna, 1)

    data = seen | {"when": "now", "reason": REASON}

    assert client.post(f"{path}/approve", data=data).status_code == 403


def test_what_was_taken_back_or_never_began_leaves_room(
    client: TestClient, two: Office
) -> None:
    path = make(client)
    bert = sit(client, two, "Bert")
    approve(client, path)
    client.post(f"{path}/take-back")
    assert left(two, bert) == 3

    client.post(f"{path}/rehearse")
    approve(client, path)
    assert left(two, bert) == 1
    client.post(f"{path}/cancel")
    assert left(two, bert) == 3


def test_a_day_later_there_is_room_again(client: TestClient, two: Office) -> None:
    path = make(client)
    bert = sit(client, two, "Bert")
    approve(client, path)

    with transaction(two.engine) as session:
        session.exec(select(Campaign)).one().approved_at = datetime.now(
            UTC
        ) - timedelta(hours=25)

    assert left(two, bert) == 3


def test_admins_and_who_has_none_are_not_counted(
    client: TestClient, two: Office
) -> None:
    ada = sit(client, two, "Ada")
    capped(two, ada, 0)

    assert left(two, sit(client, two, "Ada")) is None
    assert left(two, sit(client, two, "Edna")) is None
    with reading(two.engine) as session:
        permissions.require_capacity(session, None, 10**6, now=NOON)


def test_an_admin_sets_it_in_the_pages(client: TestClient, two: Office) -> None:
    sit(client, two, "Ada")

    assert "no limit" in client.get("/staff").text
    assert client.post("/staff/1/cap", data={"daily": "5,000"}).status_code == 303
    assert two.get(Staff, 1).daily_send_limit == 5000
    assert 'value="5000"' in client.get("/staff/1").text
    assert "5,000" in client.get("/staff").text
    for wrong in ("-1", "many", "1e9", "9999999999"):
        assert client.post("/staff/1/cap", data={"daily": wrong}).status_code == 409
    client.post("/staff/1/cap", data={"daily": ""})
    assert two.get(Staff, 1).daily_send_limit is None
    with Session(two.engine) as session:
        told = [each.action for each in session.exec(select(AuditEntry))]
    assert {"cap at 5,000 people a day", "cap at no number"} <= set(told)


def test_it_is_set_at_the_command_line(home: Home) -> None:
    home.run("staff", "add", "Edna Lee", "edna@example.org", "--role", "editor")
    home.run("staff", "cap", "edna@example.org", "5000")

    assert home.json("staff", "list")[0]["people_a_day"] == 5000
    home.run("staff", "cap", "edna@example.org")
    assert home.json("staff", "list")[0]["people_a_day"] == ""


def test_a_cap_is_a_number_of_people(office: Office) -> None:
    with pytest.raises(WrongInput, match="from 0 to"):
        capped(office, hire(office, "Edna"), -1)
