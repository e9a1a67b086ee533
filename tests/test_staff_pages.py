"""Staff in the pages: who is let in as what, and one's own account."""

import csv
import io
import re
from datetime import UTC, datetime

import pyotp
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from flashmail.database import transaction
from flashmail.model import AuditEntry, Role, SignIn, Staff
from flashmail.staff import members
from flashmail.staff.credentials import secret_hash
from newsroom import enter, hire, token_for
from office import NOON, Office
from test_staff import PASSWORD


@pytest.fixture
def ada(client: TestClient, office: Office) -> Staff:
    """Ada is an admin and sits at the browser."""
    office.topic("Iran")
    ada = hire(office, "Ada", Role.ADMIN)
    enter(client, office, ada)
    return ada


def actions(office: Office) -> list[str]:
    with Session(office.engine) as session:
        return [each.action for each in session.exec(select(AuditEntry))]


def test_somebody_is_added_and_signs_in(
    client: TestClient, office: Office, ada: Staff
) -> None:
    data = {"name": "Edna Lee", "address": "Edna@example.org", "role": "editor"}

    page = client.post("/staff", data=data | {"topics": ["Iran"]}).text
    password = re.findall("<code>(.*?)</code>", page)[0]

    edna = office.get(Staff, 2)
    assert (edna.role, edna.topics) == (Role.EDITOR, ["Iran"])
    client.cookies.clear()
    entry = {"address": "edna@example.org", "password": password}
    assert client.post("/sign-in", data=entry).status_code == 303
    assert "Edna Lee" in client.get("/account").text
    assert actions(office)[0] == "add as editor"


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "ada@example.org"},
        {"address": "nonsense"},
        {"topics": "Atlantis"},
        {"role": "owner"},
    ],
)
def test_what_is_wrong_adds_nobody(
    client: TestClient, office: Office, ada: Staff, wrong: dict[str, str]
) -> None:
    data = {"name": "Edna", "address": "edna@example.org", "role": "viewer"} | wrong

    assert client.post("/staff", data=data).status_code in {409, 422}
    assert office.get(Staff, 2) is None


def test_another_role_signs_out(client: TestClient, office: Office, ada: Staff) -> None:
    edna = hire(office, "Edna")
    token_for(office, edna)

    client.post("/staff/2/role", data={"role": "viewer", "topics": ["Iran"]})

    assert office.get(Staff, 2).role is Role.VIEWER
    assert office.get(Staff, 2).topics == ["Iran"]
    with Session(office.engine) as session:
        left = session.exec(select(SignIn.staff_id)).all()
    assert left == [ada.id]


def test_there_is_always_an_admin(
    client: TestClient, office: Office, ada: Staff
) -> None:
    assert client.post("/staff/1/let-go").status_code == 409
    assert client.post("/staff/1/role", data={"role": "viewer"}).status_code == 409
    hire(office, "Bob", Role.ADMIN)

    assert client.post("/staff/1/role", data={"role": "viewer"}).status_code == 303


def test_who_is_let_go_is_out_at_once_and_can_come_back(
    client: TestClient, office: Office, ada: Staff
) -> None:
    edna = hire(office, "Edna")
    token_for(office, edna)
    client.post("/staff/2/let-go")

    client.cookies.set("flashmail", f"token of {edna.key}")
    enter_as(client, edna)
    assert client.get("/account").status_code == 303
    enter(client, office, ada)
    client.post("/staff/2/take-on")
    assert office.get(Staff, 2).active


def enter_as(client: TestClient, staff: Staff) -> None:
    """Use a sign-in that somebody had, whether it still counts or not."""
    client.cookies.clear()
    client.cookies.set("flashmail", f"token of {staff.key}")


def test_a_lost_phone_is_helped_by_an_admin(
    client: TestClient, office: Office, ada: Staff
) -> None:
    edna = hire(office, "Edna")
    with transaction(office.engine) as session:
        found = session.get_one(Staff, edna.id)
        members.require_second_factor(session, found, by="Ada", now=NOON)

    client.post("/staff/2/factor")

    assert office.get(Staff, 2).totp_secret == ""
    assert office.get(Staff, 2).recovery == []


def test_a_second_factor_counts_once_a_code_was_typed(
    client: TestClient, office: Office, ada: Staff
) -> None:
    page = client.post("/account/factor").text
    secret = re.findall('<code class="url">([A-Z2-7]{32})</code>', page)[0]
    assert "otpauth://totp/flashmail:ada" in page
    assert office.get(Staff, 1).totp_secret == ""

    wrong = client.post("/account/factor/confirm", data={"code": "000000"})
    assert wrong.status_code == 403
    assert office.get(Staff, 1).totp_secret == ""
    code = pyotp.TOTP(secret).at(datetime.now(UTC))
    page = client.post("/account/factor/confirm", data={"code": code}).text

    assert office.get(Staff, 1).totp_secret == secret
    shown = re.findall("<code>(.*?)</code>", page)[0].split()
    assert [secret_hash(each) for each in shown] == office.get(Staff, 1).recovery


def test_ones_password_is_changed_by_who_knows_it(
    client: TestClient, office: Office, ada: Staff
) -> None:
    with transaction(office.engine) as session:
        found = session.get_one(Staff, 1)
        members.change_password(session, found, PASSWORD, by="Ada", now=NOON)
    enter(client, office, ada)
    new = "another long password"

    wrong = client.post("/account/password", data={"old": "no", "new": new})
    assert (wrong.status_code, client.get("/account").status_code) == (403, 200)
    right = client.post("/account/password", data={"old": PASSWORD, "new": new})

    assert right.headers["location"] == "/sign-in"
    assert client.get("/account").status_code == 303
    data = {"address": ada.key, "password": new}
    assert client.post("/sign-in", data=data).status_code == 303


def test_whoever_finds_a_browser_open_may_not_guess_for_long(
    client: TestClient, office: Office, ada: Staff
) -> None:
    data = {"old": "guess", "new": "another long password"}

    answers = [
        client.post("/account/password", data=data).status_code for _ in range(6)
    ]

    assert answers == [403] * 5 + [409]


def test_one_ends_ones_own_sign_ins_and_nobody_elses(
    client: TestClient, office: Office, ada: Staff
) -> None:
    edna = hire(office, "Edna")
    token_for(office, edna)
    with transaction(office.engine) as session:
        for name in ("phone", "laptop"):
            other = SignIn(token_hash=name, staff_id=1, begun_at=datetime.now(UTC))
            session.add(other)

    client.post(f"/account/sign-ins/{secret_hash(f'token of {edna.key}')}")
    client.post("/account/sign-ins/phone")
    assert office.get(SignIn, "phone") is None
    client.post("/account/sign-ins")

    with Session(office.engine) as session:
        left = sorted(session.exec(select(SignIn.staff_id)))
    assert left == [1, 2]
    assert client.get("/account").status_code == 200


def test_the_log_is_searched_and_taken_away(
    client: TestClient, office: Office, ada: Staff
) -> None:
    with transaction(office.engine) as session:
        for who, action in (("Edna", "approve"), ("=cmd()", "cancel")):
            entry = AuditEntry(
                at=NOON, done_by=who, action=action, subject="campaign 7"
            )
            session.add(entry)

    assert "approve" in client.get("/audit?q=edna 7").text
    assert "cancel" not in client.get("/audit?q=edna").text
    answer = client.post("/audit/export?q=campaign")

    rows = list(csv.reader(io.StringIO(answer.text)))
    assert [row[1] for row in rows] == ["who", "Edna", "'=cmd()"]
    assert "export" in actions(office)
    assert "attachment" in answer.headers["content-disposition"]


def test_a_long_log_is_walked_a_page_at_a_time(
    client: TestClient, office: Office, ada: Staff
) -> None:
    with transaction(office.engine) as session:
        for n in range(120):
            entry = AuditEntry(at=NOON, done_by="Edna", action=f"deed {n}", subject="x")
            session.add(entry)

    seen, path = [], "/audit?q=deed"
    while path:
        page = client.get(path).text
        seen += re.findall(r"deed (\d+)", page)
        onward = re.search(r'rel="next" href="([^"]+)"', page)
        path = onward[1].replace("&amp;", "&") if onward else ""

    assert [int(each) for each in seen if each] == list(range(119, -1, -1))


def test_a_sign_in_is_written_down(
    client: TestClient, office: Office, ada: Staff
) -> None:
    with transaction(office.engine) as session:
        found = session.get_one(Staff, 1)
        members.change_password(session, found, PASSWORD, by="Ada", now=NOON)
    client.post("/sign-in", data={"address": ada.key, "password": PASSWORD})

    assert "sign in" in actions(office)


def test_training_is_said_on_every_page(
    client: TestClient, office: Office, ada: Staff
) -> None:
    assert isinstance(client.app, FastAPI)
    office.draft()
    paths = ("/", "/campaigns", "/campaigns/1", "/staff", "/audit", "/account")
    assert "nothing leaves" not in client.get("/campaigns").text
    client.app.state.training = True

    for path in paths:
        assert "nothing leaves this machine" in client.get(path).text, path
