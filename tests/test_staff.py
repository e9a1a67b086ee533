"""Staff: who is let in, for how long, and what they may see."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from flashmail.database import transaction
from flashmail.errors import WrongInput
from flashmail.model import AuditEntry, Role, Staff
from flashmail.staff import members, sign_in
from flashmail.staff.credentials import STEP
from flashmail.staff.members import SecondFactor
from flashmail.staff.sign_in import FAILURES, WITHIN, TooManyFailures
from office import NOON, Office

PASSWORD = "correct horse battery"
EDNA = "edna@example.org"
ROLES = list(Role)


def hire(office: Office, role: Role = Role.EDITOR, address: str = EDNA) -> None:
    with transaction(office.engine) as session:
        members.add(session, "Edna", address, role, PASSWORD, by="Ada", now=NOON)


def knock(
    office: Office,
    password: str = PASSWORD,
    *,
    address: str = EDNA,
    code: str = "",
    place: str = "192.0.2.1",
) -> str | None:
    with transaction(office.engine) as session:
        return sign_in.sign_in(
            session, address, password, code, place=place, now=office.now
        )


def inside(office: Office, token: str | None) -> bool:
    with transaction(office.engine) as session:
        return sign_in.staff_of_token(session, token or "", now=office.now) is not None


def change(office: Office, action: object, *arguments: object) -> object:
    """Do something to Edna."""
    with transaction(office.engine) as session:
        edna = members.find(session, EDNA)
        return action(session, edna, *arguments, by="Ada", now=office.now)  # type: ignore[operator]


def test_the_right_password_lets_in(office: Office) -> None:
    hire(office)

    assert inside(office, knock(office))
    assert inside(office, knock(office, address="Edna@EXAMPLE.org"))


@pytest.mark.parametrize(
    ("address", "password"),
    [
        (EDNA, PASSWORD + "!"),
        (EDNA, ""),
        ("nobody@example.org", PASSWORD),
        ("nonsense", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
    ],
)
def test_nothing_else_does(office: Office, address: str, password: str) -> None:
    hire(office)

    assert knock(office, password, address=address) is None


@pytest.mark.parametrize("token", ["", "x", "0" * 43])
def test_an_invented_token_is_nobody(office: Office, token: str) -> None:
    hire(office)

    assert not inside(office, token)


def test_a_sign_in_ends_by_itself(office: Office) -> None:
    hire(office)
    token = knock(office)

    office.later(hours=12, seconds=1)

    assert not inside(office, token)


def test_signing_out_ends_it_on_our_side(office: Office) -> None:
    hire(office)
    token, other = knock(office), knock(office)

    with transaction(office.engine) as session:
        sign_in.sign_out(session, token or "", now=office.now)

    assert not inside(office, token)
    assert inside(office, other)


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        (members.change_password, ("another long password",)),
        (members.change_role, (Role.VIEWER,)),
        (members.require_second_factor, ()),
        (members.deactivate, ()),
    ],
)
def test_a_change_signs_out_everywhere(
    office: Office, action: object, arguments: tuple[object, ...]
) -> None:
    hire(office)
    tokens = [knock(office) for _ in range(3)]

    change(office, action, *arguments)

    assert not any(inside(office, token) for token in tokens)


def test_who_was_let_go_comes_in_no_more(office: Office) -> None:
    hire(office)
    change(office, members.deactivate)

    assert knock(office) is None


def test_too_many_failures_shut_the_door_for_a_while(office: Office) -> None:
    hire(office)
    for _ in range(FAILURES):
        knock(office, "wrong")

    with pytest.raises(TooManyFailures):
        knock(office)
    assert knock(office, place="192.0.2.9"), "others are not locked out"
    office.now += WITHIN + timedelta(seconds=1)
    assert knock(office)


def with_factor(office: Office) -> SecondFactor:
    hire(office)
    factor = change(office, members.require_second_factor)
    assert isinstance(factor, SecondFactor)
    return factor


def code_of(office: Office, factor: SecondFactor) -> str:
    return pyotp.TOTP(factor.secret).at(office.now)


def test_a_second_factor_is_asked_for(office: Office) -> None:
    factor = with_factor(office)

    assert knock(office) is None
    assert knock(office, code="000000") is None
    assert knock(office, code=code_of(office, factor))


def test_a_code_counts_once(office: Office) -> None:
    factor = with_factor(office)
    code = code_of(office, factor)

    assert knock(office, code=code)
    assert knock(office, code=code) is None
    office.later(seconds=STEP)
    assert knock(office, code=code_of(office, factor))


def test_a_recovery_code_counts_once(office: Office) -> None:
    factor = with_factor(office)

    assert knock(office, code=factor.recovery[0])
    assert knock(office, code=factor.recovery[0]) is None
    assert knock(office, code=factor.recovery[1])


def test_nothing_secret_is_kept_in_the_clear(office: Office) -> None:
    factor = with_factor(office)

    with Session(office.engine) as session:
        edna = session.exec(select(Staff)).one()
        log = [entry.action for entry in session.exec(select(AuditEntry))]

    assert edna.password_hash.startswith("$argon2id$")
    assert not set(factor.recovery) & set(edna.recovery)
    assert log == ["add as editor", "require a second factor"]


def test_a_short_password_is_refused(office: Office) -> None:
    with (
        pytest.raises(WrongInput, match="at least 12"),
        transaction(office.engine) as session,
    ):
        members.add(session, "E", EDNA, Role.VIEWER, "short", by="Ada", now=NOON)


def test_nobody_is_hired_twice(office: Office) -> None:
    hire(office)

    with pytest.raises(WrongInput, match="already"):
        hire(office, address="EDNA@example.org")


@pytest.mark.parametrize("needed", ROLES)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_covers_those_below_it(role: Role, needed: Role) -> None:
    assert role.covers(needed) is (ROLES.index(role) <= ROLES.index(needed))


HOUSE = ["/", "/campaigns/1", "/outbox"]


def enter(client: TestClient, **fields: str) -> int:
    data = {"address": EDNA, "password": PASSWORD} | fields
    return client.post("/sign-in", data=data).status_code


@pytest.mark.parametrize("path", HOUSE)
def test_once_there_is_staff_one_signs_in_first(
    client: TestClient, office: Office, path: str
) -> None:
    hire(office)

    answer = client.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?next={path}"


@pytest.mark.parametrize("role", ROLES)
def test_whoever_is_signed_in_sees_the_pages(
    client: TestClient, office: Office, role: Role
) -> None:
    office.now = datetime.now(UTC)
    office.schedule()
    hire(office, role)
    assert enter(client) == 303

    assert [client.get(path).status_code for path in HOUSE] == [200] * 3
    client.post("/sign-out")
    assert client.get("/").status_code == 303


def test_the_cookie_is_out_of_reach_for_scripts_and_others(
    client: TestClient, office: Office
) -> None:
    hire(office)
    data = {"address": EDNA, "password": PASSWORD}

    here = client.post("/sign-in", data=data).headers["set-cookie"]
    there = client.post("https://mail.example.org/sign-in", data=data)

    assert "HttpOnly" in here
    assert "SameSite=lax" in here
    assert there.headers["set-cookie"].startswith("__Host-flashmail=")
    assert "Secure" in there.headers["set-cookie"]


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example.net"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_a_form_of_another_site_is_refused(
    client: TestClient, office: Office, headers: dict[str, str]
) -> None:
    hire(office)
    data = {"address": EDNA, "password": PASSWORD}

    assert client.post("/sign-in", data=data, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "next", ["//evil.example.net", "/\\evil", "https:evil", "/a\r\nSet-Cookie: x=y"]
)
def test_signing_in_leads_nowhere_else(
    client: TestClient, office: Office, next: str
) -> None:
    hire(office)
    data = {"address": EDNA, "password": PASSWORD, "next": next}

    assert client.post("/sign-in", data=data).headers["location"] == "/"


def test_a_wrong_password_says_no_more_than_that(
    client: TestClient, office: Office
) -> None:
    hire(office)

    known = client.post("/sign-in", data={"address": EDNA, "password": "x"})
    unknown = client.post("/sign-in", data={"address": "a@b.org", "password": "x"})

    assert (known.status_code, known.text) == (403, unknown.text)


def test_the_log_has_who_came_who_went_and_who_was_not_let_in(office: Office) -> None:
    hire(office)
    knock(office, "wrong", place="192.0.2.7")
    knock(office, "wrong", address="nobody@example.org")
    token = knock(office) or ""
    with transaction(office.engine) as session:
        sign_in.sign_out(session, token, now=office.now)

    with Session(office.engine) as session:
        rows = session.exec(select(AuditEntry).where(AuditEntry.done_by == EDNA)).all()
    told = [(each.action, each.detail.get("place")) for each in rows]
    assert told == [
        ("fail to sign in", "192.0.2.7"),
        ("sign in", None),
        ("sign out", None),
    ]
