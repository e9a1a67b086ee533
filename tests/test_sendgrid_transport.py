"""SendGrid: the words we say to it, and what its answers mean for each reader."""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Sequence

import httpx2 as httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from examples import examples
from flashmail.message import LEAVE, TOKEN, Message, mark
from flashmail.transports import Fenced, Outcome, Receipt, Recipient, SenderProblem
from flashmail.transports.sendgrid import REQUESTS, Meaning, SendGrid, read
from peers.sendgrid import (
    CLOSE,
    TAKE_AND_CLOSE,
    TAKE_AND_HANG,
    Ending,
    SendGridPeer,
    Turn,
)

#: Reading the system's certificates for each test would take most of its time.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

KEY = "SG." + "k" * 22 + "." + "s" * 43
MESSAGE = Message(
    "Störm",
    f"<p>Dear {mark('name', 'you')} <a href='/c/{mark(TOKEN)}/1'>x</a></p>",
    f"Dear {mark('name', 'you')} /c/{mark(TOKEN)}/1",
    (
        ("From", '"Briefs, daily" <briefs@example.org>'),
        ("Reply-To", "desk@example.org"),
        ("Message-ID", f"<{mark(TOKEN)}@example.org>"),
        ("List-Unsubscribe", f"<https://example.org/u/{mark(LEAVE)}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ),
)


def reader(number: int, name: str = "Anne", address: str = "") -> Recipient:
    values = {"name": name, TOKEN: f"a{number:047x}", LEAVE: f"b{number:047x}"}
    return Recipient(number, address or f"r{number}@example.org", values)


class Ledger:
    """Marks who is about to be handed over, and can lose its lease."""

    def __init__(self, lease: int = 10**6) -> None:
        self.armed: list[list[int]] = []
        self.lease = lease

    async def arm(self, ids: Sequence[int]) -> None:
        if len(self.armed) == self.lease:
            raise Fenced("another worker has it")
        self.armed.append(list(ids))


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def send(
    peer: SendGridPeer | str,
    *readers: Recipient,
    ledger: Ledger | None = None,
    clock: Clock | None = None,
    message: Message = MESSAGE,
) -> list[Receipt]:
    clock = clock or Clock()

    async def sent() -> list[Receipt]:
        sendgrid = SendGrid(
            httpx.AsyncClient(
                verify=NO_TLS,
                base_url=peer if isinstance(peer, str) else peer.url,
                headers={"Authorization": f"Bearer {KEY}"},
            ),
            timeout=httpx.Timeout(2.0),
            clock=clock.time,
            sleep=clock.sleep,
        )
        try:
            return await sendgrid.send(message, readers, (ledger or Ledger()).arm)
        finally:
            await sendgrid.close()

    return asyncio.run(sent())


def outcomes(receipts: Sequence[Receipt]) -> dict[int, Outcome]:
    assert len({receipt.subscriber_id for receipt in receipts}) == len(receipts)
    return {receipt.subscriber_id: receipt.outcome for receipt in receipts}


def test_a_mail_says_what_it_should_and_nothing_more() -> None:
    with SendGridPeer() as peer:
        [receipt] = send(peer, reader(1, "Zoë <&>"))

    [request] = peer.requests
    body = request.body
    assert receipt == Receipt(1, Outcome.ACCEPTED)
    assert body["from"] == {"email": "briefs@example.org", "name": "Briefs, daily"}
    assert body["reply_to"] == {"email": "desk@example.org"}
    assert body["subject"] == "Störm"
    assert [each["type"] for each in body["content"]] == ["text/plain", "text/html"]
    assert body["personalizations"] == [
        {
            "to": [{"email": "r1@example.org"}],
            "substitutions": body["personalizations"][0]["substitutions"],
            "custom_args": {"fm_delivery": f"a{1:047x}"},
            "headers": {
                "List-Unsubscribe": f"<https://example.org/u/b{1:047x}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        }
    ]
    assert not any(setting["enable"] for setting in body["tracking_settings"].values())
    assert set(body) == {
        "from",
        "reply_to",
        "subject",
        "content",
        "tracking_settings",
        "personalizations",
    }


def substituted(
    body: dict[str, object], personalization: dict[str, object]
) -> list[str]:
    """Do SendGrid's part: put the values in where their keys stand."""
    texts = [content["value"] for content in body["content"]]  # type: ignore[attr-defined]
    for key, value in personalization["substitutions"].items():  # type: ignore[attr-defined]
        texts = [text.replace(key, value) for text in texts]
    return texts


@pytest.mark.parametrize(
    ("name", "text", "html"),
    [
        ("Anne", "Anne", "Anne"),
        ("", "you", "you"),
        ("<b>'&\"", "<b>'&\"", "&lt;b&gt;&#x27;&amp;&quot;"),
        ("a\r\nb\u202ec", "a  bc", "a  bc"),
    ],
)
def test_marks_become_values_escaped_in_html_alone(
    name: str, text: str, html: str
) -> None:
    with SendGridPeer() as peer:
        send(peer, reader(1, name))

    body, token = peer.requests[0].body, f"a{1:047x}"
    assert substituted(body, body["personalizations"][0]) == [
        f"Dear {text} /c/{token}/1",
        f"<p>Dear {html} <a href='/c/{token}/1'>x</a></p>",
    ]


def test_each_of_a_thousand_readers_gets_their_own_mail() -> None:
    readers = [reader(number, f"Canary{number}") for number in range(1000)]
    with SendGridPeer() as peer:
        receipts = send(peer, *readers)

    assert set(outcomes(receipts).values()) == {Outcome.ACCEPTED}
    assert len(peer.requests) == 1
    assert len(peer.requests[0].raw) < 30_000_000
    for number, mail in enumerate(peer.mails):
        said = json.dumps(mail)
        assert mail["to"] == [{"email": f"r{number}@example.org"}]
        assert f'"Canary{number}"' in said
        assert said.count("Canary") == said.count(f"Canary{number}")


def test_every_request_is_marked_before_it_goes_out() -> None:
    ledger = Ledger()
    with SendGridPeer(bad={"r2@example.org"}) as peer:
        send(peer, *map(reader, range(4)), ledger=ledger)

    assert ledger.armed == [[0, 1, 2, 3], [0, 1, 3]]
    assert len(peer.requests) == 2


def test_a_worker_that_lost_its_lease_sends_nothing() -> None:
    with SendGridPeer() as peer:
        receipts = send(peer, reader(1), reader(2), ledger=Ledger(lease=0))

    assert outcomes(receipts) == {1: Outcome.LATER, 2: Outcome.LATER}
    assert peer.requests == []


def test_a_worker_that_loses_its_lease_on_the_way_keeps_what_it_knows() -> None:
    with SendGridPeer(bad={"r2@example.org"}) as peer:
        receipts = send(peer, reader(1), reader(2), ledger=Ledger(lease=1))

    assert outcomes(receipts) == {1: Outcome.LATER, 2: Outcome.REFUSED}
    assert peer.mails == []


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("bad", [0, 499, 500, 999])
def test_one_bad_reader_in_a_thousand_is_refused_alone(bad: int, named: bool) -> None:
    readers = [reader(number) for number in range(1000)]
    with SendGridPeer(bad={f"r{bad}@example.org"}, named=named) as peer:
        receipts = outcomes(send(peer, *readers))

    assert receipts.pop(bad) is Outcome.REFUSED
    assert set(receipts.values()) == {Outcome.ACCEPTED}
    assert Counter(peer.addresses).most_common(1)[0][1] == 1
    assert len(peer.addresses) == 999
    assert len(peer.requests) <= 12


@settings(max_examples=examples(25), deadline=None)
@example(bad={0, 1, 2, 38, 39}, named=False)
@example(bad={0, 1, 39}, named=False)
@given(bad=st.sets(st.integers(0, 39), max_size=5), named=st.booleans())
def test_whoever_is_good_gets_it_once_and_whoever_is_bad_never(
    bad: set[int], named: bool
) -> None:
    addresses = {f"r{number}@example.org" for number in bad}
    with SendGridPeer(bad=addresses, named=named) as peer:
        receipts = outcomes(send(peer, *map(reader, range(40))))

    assert {each for each, what in receipts.items() if what is Outcome.REFUSED} == bad
    assert sorted(peer.addresses) == sorted(
        f"r{number}@example.org" for number in range(40) if number not in bad
    )


def test_a_batch_full_of_bad_readers_goes_on_later() -> None:
    bad = {f"r{number}@example.org" for number in range(200)}
    with SendGridPeer(bad=bad) as peer:
        receipts = Counter(outcomes(send(peer, *map(reader, range(200)))).values())

    assert receipts == {Outcome.REFUSED: REQUESTS, Outcome.LATER: 200 - REQUESTS}


def test_a_message_that_nobody_may_have_is_not_blamed_on_the_readers() -> None:
    refusal = Turn(400, b'{"errors": [{"message": "Bad Request", "field": null}]}')
    with SendGridPeer(turns=[refusal] * 100) as peer, pytest.raises(SenderProblem) as p:
        send(peer, *map(reader, range(100)))

    assert p.value.receipts == []


@pytest.mark.parametrize(
    "turn",
    [
        Turn(401, b'{"errors": [{"message": "The provided key is invalid"}]}'),
        Turn(
            403, b'{"errors": [{"message": "not a verified Sender", "field": "from"}]}'
        ),
        Turn(400, b'{"errors": [{"message": "empty", "field": "content.0.value"}]}'),
        Turn(302, headers={"Location": "http://127.0.0.1/login"}),
        Turn(404, b"<html>not here</html>"),
    ],
)
def test_when_we_are_turned_away_no_reader_suffers(turn: Turn) -> None:
    with SendGridPeer(turns=[turn]) as peer, pytest.raises(SenderProblem) as problem:
        send(peer, reader(1))

    assert problem.value.receipts == []
    assert len(peer.requests) == 1


def test_a_page_that_answers_200_is_not_sendgrid() -> None:
    page = Turn(200, b"<html>Welcome to the airport</html>")
    with SendGridPeer(turns=[page]) as peer, pytest.raises(SenderProblem) as problem:
        send(peer, reader(1))

    assert [each.outcome for each in problem.value.receipts] == [Outcome.UNKNOWN]


@pytest.mark.parametrize(
    "turn",
    [
        Turn(500),
        Turn(502, b"<html>"),
        Turn(503),
        Turn(504, accepts=True),
        CLOSE,
        TAKE_AND_CLOSE,
        TAKE_AND_HANG,
        Turn(ending=Ending.HALF, accepts=True),
        Turn(202, b"junk", {"Content-Encoding": "gzip"}, accepts=True),
    ],
)
def test_what_may_have_been_taken_is_unknown_and_not_sent_again(turn: Turn) -> None:
    with SendGridPeer(turns=[turn]) as peer:
        receipts = send(peer, reader(1), reader(2))

    assert outcomes(receipts) == {1: Outcome.UNKNOWN, 2: Outcome.UNKNOWN}
    assert len(peer.requests) == 1


def test_trouble_in_the_middle_leaves_the_rest_for_later() -> None:
    refusal = Turn(400, b'{"errors": [{"message": "bad", "field": null}]}')
    with SendGridPeer(turns=[refusal, TAKE_AND_CLOSE]) as peer:
        receipts = send(peer, *map(reader, range(4)))

    assert outcomes(receipts) == {
        0: Outcome.UNKNOWN,
        1: Outcome.UNKNOWN,
        2: Outcome.LATER,
        3: Outcome.LATER,
    }
    assert peer.addresses == ["r0@example.org", "r1@example.org"]


def test_what_never_arrived_goes_later() -> None:
    with SendGridPeer() as peer:
        closed = peer.url

    [receipt] = send(closed, reader(1))
    assert receipt.outcome is Outcome.LATER
    assert "cannot be reached" in receipt.reason


def test_sendgrid_is_given_the_time_it_asks_for() -> None:
    clock = Clock()
    slower = Turn(429, headers={"X-RateLimit-Reset": str(int(clock.now) + 7)})
    with SendGridPeer(turns=[slower, slower]) as peer:
        receipts = send(peer, reader(1), clock=clock)

    assert outcomes(receipts) == {1: Outcome.ACCEPTED}
    assert 7 <= sum(clock.slept) <= 8
    assert peer.addresses == ["r1@example.org"]


def test_without_a_time_there_is_a_pause_all_the_same() -> None:
    clock = Clock()
    with SendGridPeer(turns=[Turn(429), Turn(429)]) as peer:
        receipts = send(peer, reader(1), clock=clock)

    assert outcomes(receipts) == {1: Outcome.ACCEPTED}
    assert len(clock.slept) == 2
    assert min(clock.slept) >= 1


def test_too_long_a_wait_is_for_another_time() -> None:
    clock = Clock()
    slower = Turn(429, headers={"X-RateLimit-Reset": str(int(clock.now) + 3600)})
    with SendGridPeer(turns=[slower]) as peer:
        [receipt] = send(peer, reader(1), clock=clock)

    assert receipt == Receipt(1, Outcome.LATER, "SendGrid: 429, again in 3600 s")
    assert clock.slept == []


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (reader(2, address="bart@"), "not an address"),
        (reader(2, address="用户@example.org"), "smtputf8"),
        (reader(2, "é" * 5_000), "10000 bytes"),
    ],
)
def test_what_sendgrid_could_only_refuse_is_not_asked(bad: Recipient, why: str) -> None:
    with SendGridPeer() as peer:
        first, second = sorted(
            send(peer, reader(1), bad), key=lambda receipt: receipt.subscriber_id
        )

    assert first.outcome is Outcome.ACCEPTED
    assert (second.outcome, why in second.reason) == (Outcome.REFUSED, True)
    assert peer.requests[0].addresses == ["r1@example.org"]


def test_no_reason_holds_the_key() -> None:
    echo = json.dumps({"errors": [{"message": f"Authorization: Bearer {KEY}"}]})
    with SendGridPeer(turns=[Turn(500, echo.encode())]) as peer:
        [receipt] = send(peer, reader(1))

    assert KEY not in receipt.reason
    assert "(key)" in receipt.reason


def test_one_connection_serves_many_requests() -> None:
    with SendGridPeer(bad={"r5@example.org"}, named=False) as peer:
        send(peer, *map(reader, range(100)))

    assert (peer.connections, len(peer.requests) > 5) == (1, True)


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (400, b"", Meaning.BAD_READER),
        (413, b"too large", Meaning.BAD_READER),
        (400, b"[]", Meaning.BAD_READER),
        (400, b'{"errors": "no"}', Meaning.BAD_READER),
        (400, b'{"errors": [{"field": "personalizations"}]}', Meaning.BAD_READER),
        (400, b'{"errors": [{"field": "from.email"}]}', Meaning.BAD_SENDER),
        (408, b"", Meaning.UNKNOWN),
        (418, b"", Meaning.BAD_SENDER),
        (599, b"", Meaning.UNKNOWN),
    ],
)
def test_answers(status: int, body: bytes, meaning: Meaning) -> None:
    assert read(status, body).meaning is meaning
