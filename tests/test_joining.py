"""Joining: nobody is let in but by a press of a button at the address itself."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.event import listen, remove
from sqlmodel import select

from flashmail.campaigns.content import MailKit
from flashmail.database import reading, transaction
from flashmail.home import packaged
from flashmail.links import Purpose
from flashmail.model import (
    Consent,
    ConsentKind,
    Frequency,
    RequestState,
    Subscriber,
    SubscriberStatus,
    Subscription,
    SubscriptionRequest,
    Suppression,
)
from flashmail.rendering import Renderer, Site
from flashmail.subscribers.requests import NEVER
from flashmail.transactional.queue import TransactionalSender
from flashmail.transports import Outcome
from flashmail.web.public.signup_limits import (
    ATTACK,
    BITS,
    FROM_ONE,
    WAIT,
    SignupDecision,
    SignupLimiter,
    worked,
)
from office import LINKS, NOON, SENDER, Office
from planning import tell

SITE = Site("Flash Briefs", "1 Main Street, Springfield", "https://mail.example.org")
ANNE = "anne@example.org"


@pytest.fixture
def open_house(office: Office) -> Office:
    """There are topics to choose, one of them private."""
    office.topic("Iran")
    office.topic("Pakistan")
    office.topic("Donors", private=True)
    office.now = datetime.now(UTC)
    return office


def join(client: TestClient, address: str = ANNE, **fields: Any) -> Any:
    form = {"address": address, "topic": ["1"], "often": "instant", "language": ""}
    return client.post("/join", data=form | fields)


def answer(office: Office) -> int:
    """Send the transactional mails that are due."""
    renderer = Renderer([packaged("templates")], SITE)
    kit = MailKit(renderer, SENDER, LINKS, SITE.postal_address)
    way_out = lambda: office.post  # noqa: E731
    sender = TransactionalSender(office.engine, way_out, kit, office.tokens)
    return sender.run(now=office.now)


def link(office: Office, letter: str) -> str:
    """Return the path of a link in the latest mail."""
    text = office.post.sent[-1][0].text
    [found] = re.findall(rf"{LINKS.base_url}(/{letter}/[0-9a-f]+)", text)
    return str(found)


def state(office: Office, number: int = 1) -> RequestState:
    found: RequestState = office.get(SubscriptionRequest, number).state
    return found


def test_who_joins_confirms_and_is_welcomed_with_the_latest_brief(
    client: TestClient, open_house: Office
) -> None:
    tell(open_house, "Storm", "Iran")
    tell(open_house, "Flood", "Pakistan")
    said = join(client, often="daily")
    assert open_house.get(Subscriber, 1) is None
    answer(open_house)
    assert open_house.post.subjects == ["Please confirm your address for Flash Briefs"]

    page = link(open_house, "j")
    assert "Iran" in client.get(page).text
    done = client.post(page)
    answer(open_house)

    assert "Look into your mailbox" in said.text
    assert "You are in" in done.text
    person = open_house.get(Subscriber, 1)
    assert (person.address, person.status) == (ANNE, SubscriberStatus.ACTIVE)
    assert open_house.get(Subscription, (1, 1)).frequency is Frequency.DAILY
    welcome, recipient = open_house.post.sent[-1]
    assert welcome.subject == "Welcome to Flash Briefs"
    assert "Storm" in welcome.text
    assert "Flood" not in welcome.text
    assert recipient.values["because"] == "Iran"


def test_the_same_work_is_done_whoever_it_is(
    client: TestClient, open_house: Office
) -> None:
    """Neither the answer nor the time that it takes tells who reads us."""
    open_house.subscribe("Active", "Iran")
    open_house.subscribe("Pending", "Iran", status=SubscriberStatus.PENDING)
    open_house.subscribe("Left", "Iran", status=SubscriberStatus.UNSUBSCRIBED)
    open_house.suppress("Left")
    open_house.suppress("Never")
    with transaction(open_house.engine) as session:
        session.get_one(Suppression, "never@example.org").detail = NEVER
    names = ("nobody", "active", "pending", "left", "never", "nobody")
    join(client, "first@example.org")

    seen = []
    for name in names:
        with statements(open_house) as said:
            answer = join(client, f"{name}@example.org")
        seen.append((answer.status_code, answer.text, said))

    assert seen[0][2], "there is something to compare"
    for name, each in zip(names, seen, strict=True):
        assert each == seen[0], name


@contextmanager
def statements(office: Office) -> Iterator[list[str]]:
    """Collect what the database is asked."""
    said: list[str] = []

    def hear(_c: object, _u: object, statement: str, *_: object) -> None:
        said.append(statement)

    listen(office.engine, "before_cursor_execute", hear)
    yield said
    remove(office.engine, "before_cursor_execute", hear)


def test_opening_the_link_confirms_nothing(
    client: TestClient, open_house: Office
) -> None:
    join(client)
    answer(open_house)
    page = link(open_house, "j")

    for method in ("GET", "HEAD", "OPTIONS"):
        client.request(method, page)

    assert open_house.get(Subscriber, 1) is None
    assert state(open_house) is RequestState.MAILED


def test_a_second_press_changes_nothing(client: TestClient, open_house: Office) -> None:
    join(client)
    answer(open_house)
    page = link(open_house, "j")

    for _ in range(3):
        assert client.post(page).status_code == 200
        answer(open_house)

    assert len(open_house.post.sent) == 2


def test_the_mail_says_nothing_that_was_typed_and_that_no_program_should_answer(
    client: TestClient, open_house: Office
) -> None:
    spam = "Free pills http://evil.example"
    join(client, name=spam, website="", language="en")
    answer(open_house)

    message, _ = open_house.post.sent[-1]
    assert "evil" not in message.html + message.text + str(message.headers)
    assert dict(message.headers)["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in dict(message.headers)


def test_topics_are_not_ticked_and_private_ones_are_not_shown(
    client: TestClient, open_house: Office
) -> None:
    text = client.get("/join").text

    boxes = re.findall(r'<input type="checkbox" name="topic"[^>]*>', text)
    assert len(boxes) == 2
    assert not any("checked" in box for box in boxes)
    assert "Donors" not in text + client.get("/join/snippet").text


@pytest.mark.parametrize("topic", ["3", "99", "x", "-1", "²"])
def test_a_private_topic_is_as_unknown_as_none(
    client: TestClient, open_house: Office, topic: str
) -> None:
    answer = join(client, topic=[topic])

    assert (answer.status_code, "choose a topic" in answer.text) == (422, True)
    assert open_house.get(SubscriptionRequest, 1) is None


def test_a_topic_that_became_private_meanwhile_is_not_followed(
    client: TestClient, open_house: Office
) -> None:
    with transaction(open_house.engine) as session:
        session.add(
            SubscriptionRequest(
                address=ANNE,
                key=ANNE,
                topics={"1": "instant", "3": "instant"},
                state=RequestState.MAILED,
                mailed_at=open_house.now,
                created_at=open_house.now,
            )
        )
    token = open_house.tokens.write(Purpose.CONFIRM, 0, 1)

    client.post(f"/j/{token}")

    assert open_house.get(Subscription, (1, 3)) is None
    assert open_house.get(Subscription, (1, 1)) is not None


def test_one_confirmation_a_day_and_three_a_month(
    client: TestClient, open_house: Office
) -> None:
    for _ in range(3):
        join(client)
        answer(open_house)
    assert len(open_house.post.sent) == 1

    for _ in range(5):
        open_house.later(days=1, minutes=1)
        join(client)
        answer(open_house)
    assert len(open_house.post.sent) == 3


def test_the_answer_is_the_same_whoever_it_is(
    client: TestClient, open_house: Office
) -> None:
    open_house.subscribe("Anne", "Iran")
    open_house.suppress("Bart")
    with transaction(open_house.engine) as session:
        complained = SubscriberStatus.COMPLAINED
        session.add(Suppression(key="c@example.org", reason=complained, since=NOON))

    texts = {
        join(client, f"{name}@example.org").text
        for name in ("anne", "bart", "c", "new")
    }

    assert len(texts) == 1
    answer(open_house)
    assert sorted(open_house.post.addresses) == [
        ANNE,
        "bart@example.org",
        "new@example.org",
    ]


def test_who_left_can_come_back_with_what_is_asked_for_now(
    client: TestClient, open_house: Office
) -> None:
    open_house.subscribe("Anne", "Iran", status=SubscriberStatus.UNSUBSCRIBED)
    open_house.suppress("Anne")

    join(client, topic=["2"])
    answer(open_house)
    client.post(link(open_house, "j"))

    assert open_house.get(Subscriber, 1).status is SubscriberStatus.ACTIVE
    assert open_house.get(Suppression, ANNE) is None
    with reading(open_house.engine) as session:
        rows = session.exec(select(Subscription)).all()
    assert [row.topic_id for row in rows] == [2]


def test_never_mail_me_is_for_good(client: TestClient, open_house: Office) -> None:
    join(client)
    answer(open_house)
    page = link(open_house, "n")
    client.get(page)
    assert state(open_house) is RequestState.MAILED

    client.post(page)
    open_house.later(days=40)
    join(client)
    answer(open_house)

    assert len(open_house.post.sent) == 1
    assert open_house.get(Suppression, ANNE).detail == "asked never to be mailed"


def test_who_fills_what_nobody_sees_is_answered_and_forgotten(
    client: TestClient, open_house: Office
) -> None:
    said = join(client, website="http://evil.example")

    assert "Look into your mailbox" in said.text
    assert open_house.get(SubscriptionRequest, 1) is None


def test_one_place_can_ask_so_often_an_hour(
    client: TestClient, open_house: Office
) -> None:
    answers = [
        join(client, f"a{n}@example.org").status_code for n in range(FROM_ONE + 1)
    ]

    assert answers == [200] * FROM_ONE + [429]


def test_a_mail_that_was_surely_not_taken_is_written_again(
    client: TestClient, open_house: Office
) -> None:
    join(client)
    open_house.post.outcome = Outcome.LATER
    answer(open_house)
    assert state(open_house) is RequestState.PENDING

    open_house.post.outcome = Outcome.ACCEPTED
    open_house.later(minutes=2)
    answer(open_house)
    assert state(open_house) is RequestState.MAILED


def test_what_may_have_been_taken_is_not_written_twice(
    client: TestClient, open_house: Office
) -> None:
    join(client)
    open_house.post.fails_with = RuntimeError("the line broke")
    assert answer(open_house) == 1
    open_house.post.fails_with = None

    assert answer(open_house) == 0
    assert open_house.post.sent == []


def test_an_old_confirmation_is_no_good_any_more(
    client: TestClient, open_house: Office
) -> None:
    open_house.later(days=-31)
    join(client)
    answer(open_house)

    assert client.post(link(open_house, "j")).status_code == 404
    assert open_house.get(Subscriber, 1) is None


def test_the_ledger_says_when_where_and_in_which_words(
    client: TestClient, open_house: Office
) -> None:
    join(client)
    answer(open_house)
    client.post(link(open_house, "j"))

    with reading(open_house.engine) as session:
        [kept] = session.exec(select(Consent)).all()
    assert (kept.kind, kept.wording, kept.network) == (
        ConsentKind.JOIN,
        "join 1",
        "127.0.0.0/24",
    )
    assert kept.detail["topics"] == {"1": "instant"}
    assert kept.detail["page"] == "join form"


def test_a_reader_moves_to_an_address_that_confirms_it(
    client: TestClient, open_house: Office
) -> None:
    open_house.subscribe("Anne", "Iran")
    mine = f"/me/{open_house.own_token()}/address"
    client.post(mine, data={"address": "ann@example.com"})
    answer(open_house)
    assert open_house.post.addresses == ["ann@example.com"]

    done = client.post(link(open_house, "j"))
    answer(open_house)

    assert "Your address is changed" in done.text
    assert open_house.get(Subscriber, 1).key == "ann@example.com"
    assert open_house.post.addresses == ["ann@example.com", "anne@example.org"]
    assert open_house.post.subjects[1:] == ["Your address was changed"]


def test_nobody_can_move_to_another_readers_address(
    client: TestClient, open_house: Office
) -> None:
    open_house.subscribe("Anne", "Iran")
    open_house.subscribe("Bart", "Iran")
    mine = f"/me/{open_house.own_token()}/address"

    said = client.post(mine, data={"address": "bart@example.org"})
    answer(open_house)

    assert "We have written to the new address" in said.text
    assert open_house.post.sent == []


def test_only_under_attack_a_form_has_to_be_proved(office: Office) -> None:
    gate = SignupLimiter(office.tokens)
    for n in range(ATTACK):
        assert gate.admit(f"10.0.0.{n}", "", "", now=NOON) is SignupDecision.IN
    assert gate.attacked(now=NOON)
    assert gate.admit("10.1.0.1", "", "", now=NOON) is SignupDecision.PROVE

    challenge = gate.challenge(now=NOON)
    proof = next(str(n) for n in range(1 << 22) if worked(challenge, str(n)))
    assert gate.admit("10.1.0.1", challenge, "no", now=NOON) is SignupDecision.PROVE
    assert gate.admit("10.1.0.1", challenge, proof, now=NOON) is SignupDecision.IN
    assert gate.admit("10.1.0.2", challenge, proof, now=NOON) is SignupDecision.PROVE

    # Without a script one waits.
    waited = gate.challenge(now=NOON)
    assert gate.admit("10.1.0.3", waited, "", now=NOON + WAIT) is SignupDecision.IN
    assert gate.admit("10.1.0.4", "0" * 48, "", now=NOON + WAIT) is SignupDecision.PROVE
    assert not gate.attacked(now=NOON + timedelta(hours=1))


def test_a_proof_is_the_beginning_of_a_hash() -> None:
    proof = next(str(n) for n in range(1 << 22) if worked("c", str(n)))

    proof_hash = sha256(f"c.{proof}".encode()).digest()
    assert f"{int.from_bytes(proof_hash):0256b}".startswith("0" * BITS)
