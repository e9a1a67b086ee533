"""Who may call what: every route, as everybody, against the policy that it declares."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from flashmail.database import connect
from flashmail.model import Role, Staff
from flashmail.staff import permissions
from flashmail.tasks import AtOnce, Tasks
from flashmail.transports.outbox import Outbox
from flashmail.web.app import create_app
from flashmail.web.policy import BEARER, EVERYONE, MACHINE, PROVIDER, BareRoute
from newsroom import DRAFT, enter, hire, token_for, written
from office import PRESS, Office
from test_web import all_routes

#: What stands in a path; the objects of these numbers are there.
NAMES = {"token": "x" * 48, "key": "x", "held": "x", "slug": "iran"}

#: What somebody limited to topics sees only of some.
LIMITED = {"campaign_id", "draft_id"}

#: A route that says who may use it.
Declared = APIRoute | BareRoute

#: Policies that ask for no member of staff: these routes verify something else.
OPEN = {BEARER, EVERYONE, MACHINE, PROVIDER}


@dataclass(frozen=True)
class Person:
    """Somebody at a browser. Campaign 1 and draft 1 are about Iran, draft 2 is not."""

    name: str
    role: Role | None = None
    topics: tuple[str, ...] = ()


PEOPLE = (
    Person("nobody"),
    Person("Vera", Role.VIEWER),
    Person("Lisa", Role.LIST_MANAGER),
    Person("Edna", Role.EDITOR),
    Person("Ada", Role.ADMIN),
    Person("Ira", Role.EDITOR, ("Iran",)),
    Person("Piet", Role.EDITOR, ("Pakistan",)),
    Person("Pia", Role.VIEWER, ("Pakistan",)),
)


@dataclass
class House:
    """The pages, everybody who could stand at the door, and a way back to before."""

    client: TestClient
    office: Office
    staff: dict[str, Staff]
    before: sqlite3.Connection

    def restore(self) -> None:
        with closing(self.office.engine.raw_connection()) as here:
            assert isinstance(here.driver_connection, sqlite3.Connection)
            self.before.backup(here.driver_connection)

    def ask(self, person: Person, method: str, path: str) -> tuple[int, str]:
        """Return how somebody is answered; nothing stays as it was made."""
        self.client.cookies.clear()
        if person.role is not None:
            enter(self.client, self.office, self.staff[person.name])
        answer = self.client.request(method, path)
        self.restore()
        return answer.status_code, answer.headers.get("location", "")


@pytest.fixture(scope="module")
def door(tables: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    engine = connect("sqlite://")
    _copy(tables, engine)
    office = Office(engine)
    staff = {
        each.name: hire(office, each.name, each.role, *each.topics)
        for each in PEOPLE
        if each.role
    }
    office.subscribe("Anne", "Iran")
    office.topic("Pakistan")
    office.schedule()
    written(office)
    written(office, text=DRAFT.replace("- Iran", "- Pakistan"), title="Floods")
    for each in staff.values():
        token_for(office, each)
    folder: Path = tmp_path_factory.mktemp("outbox")
    app = create_app(
        engine,
        office.tokens,
        Outbox(folder),
        tasks=Tasks(engine, AtOnce()),
        kit=PRESS,
    )
    before = sqlite3.connect(":memory:", check_same_thread=False)
    with closing(engine.raw_connection()) as here:
        assert isinstance(here.driver_connection, sqlite3.Connection)
        here.driver_connection.backup(before)
    with TestClient(
        app,
        base_url="http://127.0.0.1",
        follow_redirects=False,
        client=("127.0.0.1", 50000),
        raise_server_exceptions=False,
    ) as client:
        yield House(client, office, staff, before)
    before.close()
    engine.dispose()


def _copy(source: Engine, target: Engine) -> None:
    with (
        closing(source.raw_connection()) as whole,
        closing(target.raw_connection()) as new,
    ):
        assert isinstance(whole.driver_connection, sqlite3.Connection)
        assert isinstance(new.driver_connection, sqlite3.Connection)
        whole.driver_connection.backup(new.driver_connection)


def paths(route: Declared) -> list[tuple[str, str]]:
    """Return the paths of a route, and what topic that is about which they name."""
    named = [(filled(route, {}), "Iran")]
    if "draft_id" in route.param_convertors:
        named.append((filled(route, {"draft_id": "2"}), "Pakistan"))
    return named


def filled(route: Declared, numbers: dict[str, str]) -> str:
    """Return the path of a route with something in each of its places."""
    path, known = route.path, NAMES | numbers
    for name in route.param_convertors:
        value = known.get(name, "1")
        path = path.replace(f"{{{name}}}", value).replace(f"{{{name}:path}}", value)
    return path


def expected(route: Declared, person: Person, topic: str) -> str:
    """Return what the declared policy means for somebody."""
    policy = str((route.openapi_extra or {})["x-policy"])
    if policy in OPEN:
        return "in"
    if person.role is None:
        return "asked to sign in"
    if not person.role.covers(Role(policy)):
        return "refused"
    theirs = not person.topics or topic in person.topics
    return "in" if theirs or LIMITED.isdisjoint(route.param_convertors) else "unseen"


def answered(status: int, location: str) -> str:
    if status == 401 or location.startswith("/sign-in?"):
        return "asked to sign in"
    words = {403: "refused", 404: "unseen"}
    return "broken" if status >= 500 else words.get(status, "in")


def fits(wanted: str, got: str, route: Declared) -> bool:
    """Return whether an answer is what the policy says.

    Who is let in may find that there is no such thing, unless a limit guards it.
    """
    if wanted != "in":
        return got == wanted
    guarded = not LIMITED.isdisjoint(route.param_convertors)
    if got == "broken":
        return False
    return got == "in" or (got == "unseen" and not guarded) or _open(route)


def _open(route: Declared) -> bool:
    """A link or a form that is verified by itself refuses what is no link of ours."""
    return str((route.openapi_extra or {})["x-policy"]) in OPEN


@pytest.mark.parametrize("person", PEOPLE, ids=lambda each: each.name)
def test_every_route_answers_as_it_declares(door: House, person: Person) -> None:
    assert isinstance(door.client.app, FastAPI)
    wrong, asked = [], 0
    for route in all_routes(door.client.app):
        for method in sorted(route.methods or ()):
            for path, topic in paths(route):
                got = answered(*door.ask(person, method, path))
                wanted, asked = expected(route, person, topic), asked + 1
                if not fits(wanted, got, route):
                    wrong.append(f"{method} {path}: {got}, not {wanted}")

    assert wrong == []
    assert asked > 60


def test_everybody_limited_to_a_topic_is_limited_in_the_list(door: House) -> None:
    for person in PEOPLE:
        if person.role is None:
            continue
        enter(door.client, door.office, door.staff[person.name])
        seen = '<a href="/campaigns/1">' in door.client.get("/campaigns").text
        assert seen is permissions.may_see(door.staff[person.name], ["Iran"])
