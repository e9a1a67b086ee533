"""A SendGrid that fails in each of its ways, with a whole worker in front of it."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flashmail.campaigns import lifecycle
from flashmail.database import transaction
from flashmail.model import CampaignStatus, DeliveryState
from flashmail.tracking import sendgrid_webhook
from flashmail.tracking.recording import record
from office import Office
from peers.sendgrid import CLOSE, TAKE_AND_CLOSE, Ending, SendGridPeer, Turn
from trial import (
    at_rest,
    installed,
    keep_promises,
    send,
    sendgrid,
    taken_by_sendgrid,
    worker,
)

DELIVERED, FAILED, QUEUED, SENT, UNKNOWN = (
    DeliveryState.DELIVERED,
    DeliveryState.FAILED,
    DeliveryState.QUEUED,
    DeliveryState.SENT,
    DeliveryState.UNKNOWN,
)
PEOPLE, AT_ONCE = 12, 4
pytestmark = pytest.mark.slow


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with installed(tmp_path / "home", PEOPLE) as office:
        office.schedule()
        yield office


def send_over(office: Office, peer: SendGridPeer, tmp_path: Path, **how: Any) -> None:
    transport = sendgrid(peer, **how)
    transport.batch_size = AT_ONCE
    send(office, worker(office, transport, tmp_path / "home", lanes=1))


def hear(office: Office, mails: list[dict[str, Any]], event: str) -> int:
    """Have SendGrid report on some mails, in its own JSON; return the new reports."""
    body = json.dumps(
        [
            {
                "email": mail["to"][0]["email"],
                "event": event,
                "sg_event_id": f"{event}-{mail['custom_args']['fm_delivery'][:24]}",
                "sg_message_id": "abc.filter0001.16648.5515E0B88.0",
                "timestamp": 1772452800,
                "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
                **mail["custom_args"],
            }
            for mail in mails
        ]
    )
    with transaction(office.engine) as session:
        told = sendgrid_webhook.events(body.encode(), office.tokens, now=office.now)
        return record(session, told)


@pytest.mark.parametrize("headers", [True, False], ids=["reset", "no-reset"])
def test_sendgrid_is_not_pressed_when_it_asks_for_patience(
    office: Office, tmp_path: Path, headers: bool
) -> None:
    slower = {"X-RateLimit-Reset": str(int(time.time()) + 2)} if headers else {}
    with SendGridPeer(turns=[Turn(429, headers=slower)] * 2) as peer:
        send_over(office, peer, tmp_path)

        taken = taken_by_sendgrid(office, peer)
        states = keep_promises(office, taken, addressed=PEOPLE)
    assert states == {SENT: PEOPLE}
    assert len(peer.requests) <= PEOPLE // AT_ONCE + 2, "no hot loop"
    assert peer.requests[2].at - peer.requests[0].at > 0.5


def test_a_long_wait_is_not_waited_for_in_the_batch(
    office: Office, tmp_path: Path
) -> None:
    tomorrow = {"X-RateLimit-Reset": str(int(time.time()) + 86400)}
    with SendGridPeer(turns=[Turn(429, headers=tomorrow)]) as peer:
        send_over(office, peer, tmp_path)
        assert len(peer.requests) == 1
        assert keep_promises(office, [], addressed=PEOPLE) == {QUEUED: PEOPLE}

        office.later(minutes=1)
        send_over(office, peer, tmp_path)
        taken = taken_by_sendgrid(office, peer)
        assert keep_promises(office, taken, addressed=PEOPLE) == {SENT: PEOPLE}


LOST = [
    Turn(500, accepts=True),
    Turn(503),
    TAKE_AND_CLOSE,
    CLOSE,
    Turn(202, ending=Ending.HALF, accepts=True),
]


@pytest.mark.parametrize("turn", LOST, ids=["500", "503", "taken", "not", "half"])
def test_a_lost_answer_is_unknown_until_an_event_tells(
    office: Office, tmp_path: Path, turn: Turn
) -> None:
    with SendGridPeer(turns=[turn]) as peer:
        send_over(office, peer, tmp_path)
        taken = taken_by_sendgrid(office, peer)
        states = keep_promises(office, taken, addressed=PEOPLE, unknown=AT_ONCE)
        assert states == {SENT: PEOPLE - AT_ONCE, UNKNOWN: AT_ONCE}

        heard = hear(office, peer.mails, "delivered")
        again = hear(office, peer.mails, "delivered")
        office.later(hours=1)
        send_over(office, peer, tmp_path)

        states = keep_promises(office, taken, addressed=PEOPLE, unknown=AT_ONCE)
    lost = PEOPLE - len(taken)
    assert (heard, again) == (len(taken), 0)
    assert states == {DELIVERED: len(taken)} | ({UNKNOWN: lost} if lost else {})


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_pauses_and_fails_nobody(
    office: Office, tmp_path: Path, status: int
) -> None:
    with SendGridPeer(turns=[Turn(accepts=True), Turn(status)]) as peer:
        send_over(office, peer, tmp_path)
        taken = taken_by_sendgrid(office, peer)
        states = keep_promises(office, taken, addressed=PEOPLE)
        assert states == {SENT: AT_ONCE, QUEUED: PEOPLE - AT_ONCE}
        assert office.status() is CampaignStatus.PAUSED

        office.do(lifecycle.resume, 1)
        office.later(minutes=1)
        send_over(office, peer, tmp_path)
        taken = taken_by_sendgrid(office, peer)
        assert keep_promises(office, taken, addressed=PEOPLE) == {SENT: PEOPLE}


@pytest.mark.parametrize(
    "turn",
    [
        Turn(200, b"<html>Welcome to the hotel</html>"),
        Turn(302, headers={"Location": "https://hotel.example/login"}),
        Turn(202, b"\x1f\x8bjunk", {"Content-Encoding": "gzip"}, accepts=True),
    ],
    ids=["html", "redirect", "junk"],
)
def test_an_answer_that_is_not_sendgrids_counts_for_nothing(
    office: Office, tmp_path: Path, turn: Turn
) -> None:
    with SendGridPeer(turns=[turn]) as peer:
        send_over(office, peer, tmp_path)

        taken = taken_by_sendgrid(office, peer)
        keep_promises(office, taken, addressed=PEOPLE, unknown=AT_ONCE)
    assert office.status() in (CampaignStatus.PAUSED, CampaignStatus.SENT)
    if not turn.accepts:
        assert taken == []


def test_one_bad_address_in_a_thousand_costs_nobody_else_a_mail(
    tmp_path: Path,
) -> None:
    with (
        installed(tmp_path / "home", 1000) as office,
        SendGridPeer(bad={"r700@example.org"}, named=False) as peer,
    ):
        office.schedule()
        send(office, worker(office, sendgrid(peer), tmp_path / "home"))

        taken = taken_by_sendgrid(office, peer)
        states = keep_promises(office, taken, addressed=1000)
        assert states == {SENT: 999, FAILED: 1}
        assert len(peer.requests) <= 12
        assert "valid address" in office.reason(700)


class Reporting(SendGridPeer):
    """A SendGrid whose reports are there before its own answer."""

    office: Office

    def _judge(self, request: Any) -> Turn:
        hear(self.office, request.body["personalizations"], "delivered")
        return Turn(accepts=True)


def test_an_event_may_come_before_the_receipt(office: Office, tmp_path: Path) -> None:
    with Reporting() as peer:
        peer.office = office
        send_over(office, peer, tmp_path)

        taken = taken_by_sendgrid(office, peer)
        assert keep_promises(office, taken, addressed=PEOPLE) == {DELIVERED: PEOPLE}


class Forgetful(SendGridPeer):
    """A SendGrid that closes each connection after its first answer, without a word."""

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        limited = asyncio.StreamReader()
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        limited.feed_data(head + await reader.readexactly(length))
        limited.feed_eof()
        await super()._serve(limited, writer)


def test_a_connection_that_was_closed_at_rest_loses_nothing(
    office: Office, tmp_path: Path
) -> None:
    with Forgetful() as peer:
        send_over(office, peer, tmp_path)

        taken = taken_by_sendgrid(office, peer)
        states = keep_promises(office, taken, addressed=PEOPLE, unknown=PEOPLE)
    assert states[SENT] + states[UNKNOWN] == PEOPLE
    assert at_rest(office)
