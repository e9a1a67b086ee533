"""Moving to another address: the old one is told, and can take it back."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from flashmail.database import reading, transaction
from flashmail.links import Purpose
from flashmail.model import (
    Subscriber,
    SubscriptionRequest,
    TransactionalKind,
    TransactionalMail,
    TransactionalState,
)
from flashmail.subscribers.requests import OPEN_FOR
from flashmail.transactional.queue import TransactionalSender
from office import PRESS, Office

OLD, NEW, NEWER = "anne@example.org", "ann@example.com", "ann@example.net"


@pytest.fixture
def anne(office: Office) -> Office:
    office.subscribe("Anne", "Iran")
    office.now = datetime.now(UTC)
    return office


def move(client: TestClient, anne: Office, address: str = NEW) -> None:
    """Have Anne's mail go to another address, which confirms it."""
    client.post(f"/me/{anne.own_token()}/address", data={"address": address})
    carry(anne)
    assert client.post(path(anne.post.sent[-1][0].text)).status_code == 200


def carry(anne: Office) -> None:
    TransactionalSender(anne.engine, lambda: anne.post, PRESS, anne.tokens).run(
        now=datetime.now(UTC)
    )


def path(text: str) -> str:
    [found] = re.findall("/j/[0-9a-f]+", text)
    return str(found)


def letters(anne: Office) -> list[TransactionalMail]:
    """Return the mails to addresses that were left."""
    mails = select(TransactionalMail).where(
        TransactionalMail.kind == TransactionalKind.ADDRESS_CHANGED
    )
    with reading(anne.engine) as session:
        return list(session.exec(mails.order_by("id")))


def address(anne: Office) -> str:
    return str(anne.get(Subscriber, 1).address)


def test_the_old_address_is_told_and_the_new_one_not_shown_whole(
    client: TestClient, anne: Office
) -> None:
    move(client, anne)
    carry(anne)

    told, recipient = anne.post.sent[-1]
    assert recipient.address == OLD
    assert told.subject == "Your address was changed"
    assert "a…@example.com" in told.text
    assert NEW not in told.text


def test_the_old_address_can_take_it_back(client: TestClient, anne: Office) -> None:
    move(client, anne)
    carry(anne)
    back = path(anne.post.sent[-1][0].text)

    assert client.get(back).status_code == 200
    assert address(anne) == NEW
    for _ in range(2):
        done = client.post(back)
        assert "Your address is changed" in done.text

    assert address(anne) == OLD
    assert len(letters(anne)) == 1


def test_who_took_it_back_is_not_moved_by_what_was_asked_since(
    client: TestClient, anne: Office
) -> None:
    """Whoever stole the address asks for more, and moves on to lose the trace."""
    move(client, anne)
    carry(anne)
    back = path(anne.post.sent[-1][0].text)
    move(client, anne, NEWER)
    thief = path(anne.post.sent[-1][0].text)
    carry(anne)
    thief_back = path(anne.post.sent[-1][0].text)

    client.post(back)

    assert [client.post(each).status_code for each in (thief_back,)] == [404]
    client.post(thief)
    assert address(anne) == OLD


def test_a_thief_who_goes_back_does_not_close_the_way_back(
    client: TestClient, anne: Office
) -> None:
    move(client, anne)
    carry(anne)
    back = path(anne.post.sent[-1][0].text)
    move(client, anne, NEWER)
    carry(anne)
    client.post(path(anne.post.sent[-1][0].text))
    assert address(anne) == NEW

    client.post(back)

    assert address(anne) == OLD


def test_it_can_be_taken_back_for_some_time_only(
    client: TestClient, anne: Office
) -> None:
    move(client, anne)
    carry(anne)
    back = path(anne.post.sent[-1][0].text)
    with transaction(anne.engine) as session:
        number = anne.tokens.read(Purpose.CONFIRM, back.removeprefix("/j/"))[1]
        request = session.get_one(SubscriptionRequest, number)
        request.mailed_at = anne.now - OPEN_FOR - timedelta(hours=1)

    assert client.post(back).status_code == 404
    assert address(anne) == NEW


def gone(client: TestClient, anne: Office) -> None:
    client.post(f"/me/{anne.own_token()}/erase", data={"really": "yes"})


def suppressed(client: TestClient, anne: Office) -> None:
    anne.suppress("Anne")


@pytest.mark.parametrize("happens", [gone, suppressed])
def test_an_address_that_gets_no_mail_is_not_told_either(
    client: TestClient, anne: Office, happens: Any
) -> None:
    move(client, anne)
    before = len(anne.post.sent)

    happens(client, anne)
    carry(anne)

    assert len(anne.post.sent) == before
    assert all(each.state is TransactionalState.FAILED for each in letters(anne))
    said = str([each.reason for each in letters(anne)])
    assert said in {"[]", "['the address gets no more mail']"}


def test_a_link_from_before_a_move_is_good_for_nothing_after_it(
    client: TestClient, anne: Office
) -> None:
    old = f"/me/{anne.own_token(hours_old=1)}"
    assert client.get(old).status_code == 200

    move(client, anne)

    assert client.get(old).status_code == 404
    assert client.post(f"{old}/erase", data={"really": "yes"}).status_code == 404
    assert client.get(f"/me/{anne.own_token()}").status_code == 200


def test_whoever_asks_for_an_address_does_not_see_its_letters(
    client: TestClient, anne: Office
) -> None:
    anne.subscribe("Bart", "Iran")
    client.post(f"/p/{anne.token(Purpose.LEAVE, 2)}/own")
    mine = f"/me/{anne.own_token()}"
    client.post(f"{mine}/address", data={"address": "bart@example.org"})

    assert "Your link" not in client.post(f"{mine}/data").text
    gone(client, anne)

    with reading(anne.engine) as session:
        left = list(session.exec(select(TransactionalMail.address)))
    assert left == ["bart@example.org"]


def test_nothing_of_the_old_address_outlives_who_is_erased(
    client: TestClient, anne: Office
) -> None:
    move(client, anne)
    carry(anne)

    gone(client, anne)

    assert letters(anne) == []
