"""SMTP: what goes over the wire, and what each answer or silence means for a reader."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import pytest
import uvloop

from flashmail.message import BOUNCE, TOKEN, Message, mark
from flashmail.transports import Fenced, Outcome, Receipt, Recipient, SenderProblem
from flashmail.transports.smtp import Smtp, SmtpSettings, Timeouts, Tls
from peers.smtp import Ending, Fault, SmtpPeer

MESSAGE = Message(
    "Storm",
    f"<p>Dear {mark('name')}</p>",
    f"Dear {mark('name')}",
    (("From", "Briefs <briefs@example.org>"),),
    f"b-{mark(BOUNCE)}@bounce.example.org",
)
#: Larger than what the two ends of a connection keep between them.
LARGE = Message("Storm", "<p>" + "x" * 6_000_000, "x", MESSAGE.headers)
ANNE, BART = "r1@example.org", "r2@example.org"
QUICK = Timeouts(greeting=0.1, command=0.1, data=0.1, block=0.1, dot=0.1)

T = TypeVar("T")


def reader(number: int, address: str = "") -> Recipient:
    values = {
        "name": f"Canary{number}.",
        TOKEN: f"a{number:047x}",
        BOUNCE: f"b{number:047x}",
    }
    return Recipient(number, address or f"r{number}@example.org", values)


READERS = [reader(1), reader(2), reader(3)]


class Ledger:
    """Marks who is about to be handed over, and can lose its lease."""

    def __init__(self, lease: int = 10**6) -> None:
        self.armed: list[int] = []
        self.lease = lease

    async def arm(self, ids: Sequence[int]) -> None:
        await asyncio.sleep(0)
        if len(self.armed) + len(ids) > self.lease:
            raise Fenced("another worker has it")
        self.armed += ids


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop])
def run(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


def smtp(peer: SmtpPeer, connections: int = 1, **options: Any) -> Smtp:
    settings = SmtpSettings("127.0.0.1", peer.port, Tls.NEVER)
    return Smtp(settings, connections=connections, **options)


async def send(
    transport: Smtp,
    readers: Sequence[Recipient] = READERS,
    ledger: Ledger | None = None,
    message: Message = MESSAGE,
) -> list[Receipt]:
    try:
        return await transport.send(message, readers, (ledger or Ledger()).arm)
    finally:
        await transport.close()


def sent(work: Coroutine[Any, Any, list[Receipt]]) -> dict[int, Receipt]:
    """Run on plain asyncio and return each reader's receipt."""
    receipts = asyncio.run(work)
    assert len({each.subscriber_id for each in receipts}) == len(receipts)
    return {each.subscriber_id: each for each in receipts}


def outcomes(work: Coroutine[Any, Any, list[Receipt]]) -> list[Outcome]:
    """Return the outcomes in the readers' order."""
    return [receipt.outcome for _, receipt in sorted(sent(work).items())]


A, R, L, U = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.LATER, Outcome.UNKNOWN


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("connections", [1, 4])
def test_everybody_gets_their_own_mail_once(
    run: Callable[..., list[Receipt]], connections: int, pipelining: bool
) -> None:
    readers = [reader(number) for number in range(100)]
    with SmtpPeer(pipelining=pipelining) as peer:
        receipts = run(send(smtp(peer, connections), readers))

    assert Counter(each.outcome for each in receipts) == {A: 100}
    assert Counter(peer.addresses) == Counter(each.address for each in readers)
    assert len(peer.talks) <= connections
    assert peer.violations == []
    for mail in peer.messages:
        number = mail.recipients[0].removeprefix("r").removesuffix("@example.org")
        assert mail.raw.count(b"Canary") == 2
        assert mail.raw.count(f"Canary{number}.".encode()) == 2
        assert mail.sender == f"b-b{int(number):047x}@bounce.example.org"


def test_a_pipelined_mail_costs_one_round_trip() -> None:
    with SmtpPeer() as peer:
        asyncio.run(send(smtp(peer)))

    verbs = [command.split(" ")[0] for command in peer.talks[0].commands]
    assert verbs[:10] == ["EHLO", *["MAIL", "RCPT", "DATA"] * 3]
    assert peer.talks[0].pipelined == 2


def test_a_large_mail_arrives_whole(run: Callable[..., list[Receipt]]) -> None:
    with SmtpPeer() as peer:
        [receipt] = run(send(smtp(peer), READERS[:1], message=LARGE))

    assert receipt.outcome is A
    assert peer.messages[0].raw.count(b"x") > 6_000_000
    assert peer.messages[0].raw.endswith(b"--\r\n")


def test_sessions_are_kept_between_batches() -> None:
    async def twice(peer: SmtpPeer) -> list[Receipt]:
        transport = smtp(peer, 2)
        await transport.send(MESSAGE, READERS, Ledger().arm)
        return await send(transport)

    with SmtpPeer() as peer:
        asyncio.run(twice(peer))

    assert len(peer.messages) == 6
    assert len(peer.talks) == 2


@pytest.mark.parametrize("options", [{"mails_limit": 1}, {"mails_limit": 2}])
def test_sessions_are_given_back_after_some_mails(options: dict[str, int]) -> None:
    with SmtpPeer() as peer:
        assert outcomes(send(smtp(peer, **options))) == [A, A, A]

    assert len(peer.messages) == 3
    assert len(peer.talks) == (3 if options["mails_limit"] == 1 else 2)


def test_a_session_that_rested_too_long_is_not_used_again() -> None:
    async def twice(peer: SmtpPeer) -> list[Receipt]:
        transport = smtp(peer, idle_limit=0.0)
        await transport.send(MESSAGE, READERS, Ledger().arm)
        return await send(transport)

    with SmtpPeer() as peer:
        assert outcomes(twice(peer)) == [A, A, A]

    assert len(peer.talks) == 2


def test_a_session_that_the_server_closed_in_between_costs_nobody_a_mail() -> None:
    async def twice(peer: SmtpPeer) -> list[Receipt]:
        transport = smtp(peer)
        await transport.send(MESSAGE, READERS, Ledger().arm)
        peer.hang_up()
        return await send(transport)

    with SmtpPeer() as peer:
        assert outcomes(twice(peer)) == [A, A, A]

    assert len(peer.messages) == 6


# Faults, phase by phase.


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("at", "answer", "outcome"),
    [
        ("RCPT", "550 5.1.1 No such user", R),
        ("RCPT", "553 5.1.3 Bad address", R),
        ("RCPT", "450 4.2.1 Greylisted", L),
        ("RCPT", "452 4.2.2 Full", L),
        ("MAIL", "451 4.3.0 Try later", L),
        ("DATA", "451 4.3.0 Try later", L),
        ("DATA", "554 5.6.0 Not that", R),
        ("dot", "550 5.7.1 Looks like spam", R),
        ("dot", "552 5.2.2 Mailbox full", R),
        ("dot", "451 4.7.1 Greylisted", L),
    ],
)
def test_one_readers_trouble_is_no_other_readers(
    at: str, answer: str, outcome: Outcome, pipelining: bool
) -> None:
    address = "" if at == "MAIL" else BART
    if at == "MAIL":
        faults = [Fault("MAIL", "250 2.1.0 Ok", times=1), Fault("MAIL", answer, 1)]
    else:
        faults = [Fault(at, answer, address=address)]
    with SmtpPeer(*faults, pipelining=pipelining) as peer:
        receipts = sent(send(smtp(peer)))

    assert [receipts[n].outcome for n in (1, 2, 3)] == [A, outcome, A]
    assert receipts[2].reason == answer
    assert peer.addresses == [ANNE, "r3@example.org"]
    assert (len(peer.talks), peer.violations) == (1, [])


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_server_that_goes_ahead_without_a_reader_gets_a_lone_dot(
    pipelining: bool,
) -> None:
    fault = Fault("RCPT", "550 5.1.1 No such user", address=BART)
    with SmtpPeer(fault, goes_ahead=True, pipelining=pipelining) as peer:
        assert outcomes(send(smtp(peer))) == [A, R, A]

    assert peer.addresses == [ANNE, "r3@example.org"]
    assert len(peer.talks) == 1


def test_only_who_is_about_to_be_written_to_is_marked() -> None:
    ledger = Ledger()
    with SmtpPeer(Fault("RCPT", "550 5.1.1 No", address=BART)) as peer:
        asyncio.run(send(smtp(peer), ledger=ledger))

    assert ledger.armed == [1, 3]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("at", ["banner", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    "answer",
    [Ending.DROP, "421 4.3.2 Closing", b"HTTP/1.1 400 Bad\r\n\r\n"],
)
def test_what_was_not_written_was_surely_not_accepted(
    at: str, answer: str | bytes | Ending, pipelining: bool
) -> None:
    ledger = Ledger()
    with SmtpPeer(Fault(at, answer), pipelining=pipelining) as peer:
        assert outcomes(send(smtp(peer), READERS[:1], ledger)) == [L]

    assert ledger.armed == []
    assert peer.messages == []


@pytest.mark.parametrize("at", ["banner", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_silent_server_is_not_waited_for_without_end(at: str) -> None:
    with SmtpPeer(Fault(at, Ending.HANG)) as peer:
        receipts = sent(send(smtp(peer, timeouts=QUICK), READERS[:1]))

    assert receipts[1] == Receipt(1, L, "the server was silent for too long")


@pytest.mark.parametrize("at", ["banner", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_server_that_always_drops_is_soon_left_alone(at: str) -> None:
    with SmtpPeer(Fault(at, Ending.DROP)) as peer:
        receipts = outcomes(send(smtp(peer, 2), [reader(n) for n in range(50)]))

    assert set(receipts) == {L}
    assert len(peer.talks) <= 4


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", [Ending.DROP, "421 4.3.2 Closing"])
def test_one_lost_session_costs_nobody_a_mail(at: str, answer: str | Ending) -> None:
    fault = Fault(at, answer, times=1, closes=True)
    with SmtpPeer(fault) as peer:
        assert outcomes(send(smtp(peer))) == [A, A, A]

    assert sorted(peer.addresses) == [each.address for each in READERS]


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    "answer", [Ending.DROP, b"\x80\x00 what?\r\n", b"250 2.0", "354 More"]
)
def test_a_mail_whose_end_was_written_is_unknown_without_an_answer(
    answer: str | bytes | Ending, pipelining: bool, takes: bool
) -> None:
    fault = Fault("dot", answer, address=BART, takes=takes, closes=True)
    with SmtpPeer(fault, pipelining=pipelining) as peer:
        assert outcomes(send(smtp(peer))) == [A, U, A]

    assert Counter(peer.addresses)[BART] == takes
    assert Counter(peer.addresses)["r3@example.org"] == 1


def test_a_mail_whose_end_is_met_with_silence_is_unknown() -> None:
    fault = Fault("dot", Ending.HANG, address=BART, takes=True)
    with SmtpPeer(fault) as peer:
        times = Timeouts(dot=0.5)
        assert outcomes(send(smtp(peer, timeouts=times))) == [A, U, A]

    assert sorted(peer.addresses) == [each.address for each in READERS]


def test_a_slow_answer_to_the_last_dot_is_waited_for() -> None:
    patient = Timeouts(data=0.2, dot=60)
    fault = Fault("dot", "250 2.0.0 Queued", takes=True, delay=0.4)
    with SmtpPeer(fault) as peer:
        assert outcomes(send(smtp(peer, timeouts=patient), READERS[:1])) == [A]

    assert peer.addresses == [ANNE]


def test_a_server_that_goes_in_the_middle_of_a_large_mail_has_no_part_of_it() -> None:
    ledger = Ledger()
    with SmtpPeer(Fault("body", Ending.DROP), narrow=True) as peer:
        receipts = outcomes(send(smtp(peer), READERS[:1], ledger, LARGE))

    assert receipts == [L]
    assert peer.messages == []


def test_closing_after_a_mail_was_taken_loses_nothing() -> None:
    fault = Fault("dot", "250 2.0.0 Queued", address=BART, takes=True, closes=True)
    with SmtpPeer(fault) as peer:
        assert outcomes(send(smtp(peer))) == [A, A, A]

    assert sorted(peer.addresses) == [each.address for each in READERS]


def test_closing_instead_of_taking_a_mail_is_for_later() -> None:
    fault = Fault("dot", "421 4.3.2 Shutting down", address=BART, closes=True)
    with SmtpPeer(fault) as peer:
        assert outcomes(send(smtp(peer))) == [A, L, A]

    assert sorted(peer.addresses) == [ANNE, "r3@example.org"]


def test_a_reply_without_end_is_not_kept() -> None:
    with SmtpPeer(Fault("MAIL", b"250-" + b"x" * 200_000)) as peer:
        receipts = sent(send(smtp(peer), READERS[:1]))

    assert receipts[1].reason == "the server's reply does not end"


def test_where_nobody_listens_mail_goes_later() -> None:
    with SmtpPeer() as peer:
        transport = smtp
    receipts = sent(send(transport(peer)))

    assert {each.outcome for each in receipts.values()} == {L}
    assert "cannot be reached" in receipts[1].reason


def test_a_server_with_few_places_is_used_with_those() -> None:
    fault = Fault("banner", "421 4.7.0 Too many connections")
    with SmtpPeer(Fault("banner", "220 Hello", times=1), fault) as peer:
        receipts = outcomes(send(smtp(peer, 5), [reader(n) for n in range(20)]))

    assert receipts == [A] * 20


# The lease.


@pytest.mark.parametrize("pipelining", [True, False])
def test_nothing_is_written_after_the_lease_was_lost(pipelining: bool) -> None:
    ledger = Ledger(lease=1)
    with SmtpPeer(pipelining=pipelining) as peer:
        assert outcomes(send(smtp(peer), ledger=ledger)) == [A, L, L]

    assert peer.addresses == [ANNE]


def test_every_lane_stops_when_the_lease_is_lost() -> None:
    readers = [reader(number) for number in range(50)]
    with SmtpPeer() as peer:
        ledger = Ledger(lease=10)
        receipts = sent(send(smtp(peer, 5), readers, ledger))

    marked = len(ledger.armed)
    assert 5 < marked <= 10
    counted = Counter(each.outcome for each in receipts.values())
    # One that was marked when the lease was lost may not have left any more.
    assert marked - 1 <= counted[A] <= marked
    assert counted == {A: len(peer.messages), L: 50 - len(peer.messages)}


def test_several_mails_are_marked_at_the_same_time() -> None:
    together = []

    async def arm(ids: Sequence[int]) -> None:
        together.append(len(ids))
        await asyncio.sleep(0.01)

    async def all_of_them(peer: SmtpPeer) -> list[Receipt]:
        transport = smtp(peer, 4)
        try:
            readers = [reader(number) for number in range(20)]
            return await transport.send(MESSAGE, readers, arm)
        finally:
            await transport.close()

    with SmtpPeer() as peer:
        assert outcomes(all_of_them(peer)) == [A] * 20

    assert sum(together) == 20
    assert 1 < max(together) <= 4


def test_a_worker_that_is_stopped_while_marking_writes_nothing() -> None:
    async def stopped(peer: SmtpPeer) -> None:
        marking = asyncio.Event()

        async def arm(_: Sequence[int]) -> None:
            marking.set()
            await asyncio.sleep(3600)

        sending = asyncio.create_task(smtp(peer).send(MESSAGE, READERS, arm))
        await marking.wait()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    with SmtpPeer() as peer:
        asyncio.run(stopped(peer))

    assert peer.messages == []


def test_a_line_that_is_lost_while_a_mail_is_marked_costs_nobody_a_mail() -> None:
    async def all_of_them(peer: SmtpPeer) -> list[Receipt]:
        cuts = 0

        async def arm(_: Sequence[int]) -> None:
            nonlocal cuts
            cuts += 1
            if cuts == 1:
                await asyncio.to_thread(peer.hang_up)
                await asyncio.sleep(0.05)

        transport = smtp(peer)
        try:
            return await transport.send(MESSAGE, READERS, arm)
        finally:
            await transport.close()

    with SmtpPeer() as peer:
        assert outcomes(all_of_them(peer)) == [A, A, A]

    assert sorted(peer.addresses) == [each.address for each in READERS]
    assert len(peer.talks) == 2


# The sender's own trouble.


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("at", "answer"),
    [
        ("banner", "554 5.7.1 Not you"),
        ("EHLO", "550 5.7.1 Not you"),
        ("MAIL", "550 5.1.8 Bad sender"),
        ("MAIL", "530 5.7.0 Log in first"),
        ("RCPT", "554 5.7.1 <x@y>: Relay access denied"),
        ("dot", "550 5.7.26 Unauthenticated mail"),
        ("dot", "550 5.7.515 Access denied"),
        ("dot", "421 4.7.32 From is not aligned"),
    ],
)
def test_what_is_the_senders_fault_stops_the_campaign(
    at: str, answer: str, pipelining: bool
) -> None:
    with (
        SmtpPeer(Fault(at, answer), pipelining=pipelining) as peer,
        pytest.raises(SenderProblem, match=answer[:9]) as problem,
    ):
        asyncio.run(send(smtp(peer)))

    assert problem.value.receipts == []
    assert len(peer.talks) == 1


def test_who_got_it_before_the_trouble_has_a_receipt() -> None:
    fault = Fault("dot", "550 5.7.26 Unauthenticated", address=BART)
    with SmtpPeer(fault) as peer, pytest.raises(SenderProblem) as problem:
        asyncio.run(send(smtp(peer)))

    assert problem.value.receipts == [Receipt(1, A)]
    assert peer.addresses == [ANNE]


def test_a_mail_larger_than_the_server_takes_is_not_begun() -> None:
    with SmtpPeer(size=100) as peer, pytest.raises(SenderProblem, match="takes 100"):
        asyncio.run(send(smtp(peer)))

    assert not any("MAIL" in command for command in peer.talks[0].commands)


def test_the_server_is_told_how_large_a_mail_is() -> None:
    with SmtpPeer(size=500_000) as peer:
        asyncio.run(send(smtp(peer), READERS[:1]))

    [mail] = peer.messages
    assert mail.mail_command.endswith(f" SIZE={len(mail.raw)}")


# Addresses.


def test_an_address_in_any_script_goes_where_it_is_understood() -> None:
    readers = [reader(1, "用户@例え.jp"), reader(2)]
    with SmtpPeer(smtputf8=True) as peer:
        assert outcomes(send(smtp(peer), readers)) == [A, A]

    assert peer.messages[0].recipients == ("用户@xn--r8jz45g.jp",)
    assert peer.messages[0].mail_command.endswith(" SMTPUTF8")
    assert "SMTPUTF8" not in peer.messages[1].mail_command


def test_an_address_in_any_script_is_refused_elsewhere() -> None:
    readers = [reader(1, "jörg@exämple.de"), reader(2, "anne@exämple.de")]
    with SmtpPeer(smtputf8=False) as peer:
        receipts = sent(send(smtp(peer), readers))

    assert (receipts[1].outcome, receipts[1].reason[:8]) == (R, "smtputf8")
    assert peer.addresses == ["anne@xn--exmple-cua.de"]


@pytest.mark.parametrize(
    "address",
    ["a@x>\r\nDATA", "a@x.org\r\nRCPT TO:<b@x.org>", f"{'a' * 65}@example.org", ""],
)
def test_an_address_that_could_be_a_command_is_never_written(address: str) -> None:
    bad = Recipient(1, address, reader(1).values)
    with SmtpPeer() as peer:
        assert outcomes(send(smtp(peer), [bad, reader(2)])) == [R, A]

    assert peer.addresses == [BART]
    assert peer.violations == []


# TLS and login.


@pytest.fixture(scope="session")
def authority() -> Any:
    trustme = pytest.importorskip("trustme")
    return trustme.CA()


def certificates(authority: Any, host: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


def trusting(authority: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def encrypted(peer: SmtpPeer, tls: Tls, context: ssl.SSLContext, **login: str) -> Smtp:
    settings = SmtpSettings("127.0.0.1", peer.port, tls, **login)
    return Smtp(settings, connections=1, context=context)


WAYS = [("starttls", Tls.STARTTLS), ("implicit", Tls.IMPLICIT)]


@pytest.mark.parametrize(("offered", "wanted"), WAYS)
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_mail_travels_encrypted_and_after_a_login(
    run: Callable[..., list[Receipt]],
    authority: Any,
    offered: str,
    wanted: Tls,
    mechanism: str,
) -> None:
    with SmtpPeer(
        login=("user", "pässword"),
        mechanisms=[mechanism],
        tls=offered,
        context=certificates(authority),
    ) as peer:
        login = {"user": "user", "password": "pässword"}
        receipts = run(send(encrypted(peer, wanted, trusting(authority), **login)))

    assert Counter(each.outcome for each in receipts) == {A: 3}
    assert [mail.encrypted for mail in peer.messages] == [True] * 3
    assert peer.violations == []


@pytest.mark.parametrize(("offered", "wanted"), WAYS)
@pytest.mark.parametrize("host", ["127.0.0.1", "mail.example.org"])
def test_a_certificate_that_proves_nothing_is_not_believed(
    run: Callable[..., list[Receipt]],
    authority: Any,
    offered: str,
    wanted: Tls,
    host: str,
) -> None:
    # The right host by an unknown authority, and the wrong host by a known one.
    known = trusting(authority)
    trust = ssl.create_default_context() if host == "127.0.0.1" else known
    with (
        SmtpPeer(tls=offered, context=certificates(authority, host)) as peer,
        pytest.raises(SenderProblem, match="certificate"),
    ):
        run(send(encrypted(peer, wanted, trust)))

    assert peer.messages == []


def test_a_password_is_not_said_where_starttls_was_taken_away(authority: Any) -> None:
    login = {"user": "user", "password": "secret"}
    with (
        SmtpPeer(login=("user", "secret")) as peer,
        pytest.raises(SenderProblem, match="no STARTTLS"),
    ):
        asyncio.run(send(encrypted(peer, Tls.STARTTLS, trusting(authority), **login)))

    assert [talk.commands[0][:4] for talk in peer.talks] == ["EHLO"]
    assert len(peer.talks[0].commands) == 1


def test_what_was_said_before_tls_counts_for_nothing(
    run: Callable[..., list[Receipt]], authority: Any
) -> None:
    injected = Fault("STARTTLS", "220 Go on\r\n550 5.7.1 Not you\r\n250 Or so")
    with SmtpPeer(injected, tls="starttls", context=certificates(authority)) as peer:
        receipts = run(send(encrypted(peer, Tls.STARTTLS, trusting(authority))))

    assert Counter(each.outcome for each in receipts) == {A: 3}


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_wrong_password_stops_the_campaign_and_is_not_repeated(
    mechanism: str,
) -> None:
    settings = {"user": "user", "password": "hunter2"}
    with (
        SmtpPeer(login=("user", "right"), mechanisms=[mechanism]) as peer,
        pytest.raises(SenderProblem, match=r"login: 535 5\.7\.8$") as problem,
    ):
        asyncio.run(
            send(Smtp(SmtpSettings("127.0.0.1", peer.port, Tls.NEVER, **settings)))
        )

    assert "hunter2" not in repr(problem.value)


def test_a_login_that_cannot_be_checked_now_is_for_later() -> None:
    fault = Fault("AUTH", "454 4.7.0 Temporary failure")
    settings = {"user": "user", "password": "right"}
    with SmtpPeer(fault, login=("user", "right")) as peer:
        address = SmtpSettings("127.0.0.1", peer.port, Tls.NEVER, **settings)
        assert outcomes(send(Smtp(address, connections=1))) == [L, L, L]
