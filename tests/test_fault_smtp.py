"""An SMTP server that fails in each phase, with a whole worker in front of it."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from flashmail.campaigns import lifecycle
from flashmail.model import CampaignStatus, DeliveryState, Suppression
from flashmail.transports.smtp import Smtp, SmtpSettings, Tls
from office import Office
from peers.smtp import Ending, Fault, SmtpPeer
from trial import (
    PATIENT,
    QUICK,
    at_rest,
    at_work,
    installed,
    keep_promises,
    send,
    smtp,
    taken_by_smtp,
    worker,
)

FAILED, QUEUED, SENT, UNKNOWN = (
    DeliveryState.FAILED,
    DeliveryState.QUEUED,
    DeliveryState.SENT,
    DeliveryState.UNKNOWN,
)
PEOPLE = 12
pytestmark = pytest.mark.slow


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with installed(tmp_path / "home", PEOPLE) as office:
        office.schedule()
        yield office


def send_over(office: Office, peer: SmtpPeer, tmp_path: Path, **how: object) -> None:
    transport = smtp(peer, timeouts=QUICK, connections=3)
    send(office, worker(office, transport, tmp_path / "home", **how))


def send_all_day(office: Office, peer: SmtpPeer, tmp_path: Path) -> None:
    """Let worker after worker send, an hour after the other."""
    for _ in range(4):
        send_over(office, peer, tmp_path)
        office.later(hours=1)


def name(fault: Fault) -> str:
    return f"{fault.at} {fault.answer!r}"


BEFORE_THE_MAIL = [
    Fault("banner", "554 5.3.2 no service here", closes=True),
    Fault("banner", "421 4.3.2 too busy", closes=True),
    Fault("banner", Ending.DROP),
    Fault("banner", Ending.HANG),
    Fault("EHLO", "421 4.3.2 too busy", closes=True),
    Fault("EHLO", Ending.DROP),
    Fault("MAIL", Ending.DROP),
    Fault("MAIL", "421 4.3.2 closing", closes=True),
    Fault("RCPT", Ending.DROP),
    Fault("RCPT", Ending.HANG),
    Fault("DATA", Ending.DROP),
    Fault("DATA", "421 4.3.2 closing", closes=True),
    Fault("DATA", b"\xff\xfe garbage\r\n"),
]


@pytest.mark.parametrize("fault", BEFORE_THE_MAIL, ids=name)
def test_what_fails_before_a_mail_is_written_is_sent_later(
    office: Office, tmp_path: Path, fault: Fault
) -> None:
    trouble = Fault(fault.at, fault.answer, times=5, closes=fault.closes)
    with SmtpPeer(trouble) as peer:
        send_over(office, peer, tmp_path)
        while office.status() is CampaignStatus.PAUSED:  # 554: a person has to look
            office.do(lifecycle.resume, 1)
            send_over(office, peer, tmp_path)
        send_all_day(office, peer, tmp_path)

        states = keep_promises(office, taken_by_smtp(office, peer), addressed=PEOPLE)
    assert states == {SENT: PEOPLE}


def test_nobody_at_home(office: Office, tmp_path: Path) -> None:
    with SmtpPeer() as peer:
        gone = Smtp(SmtpSettings("127.0.0.1", peer.port, Tls.NEVER), timeouts=QUICK)
    send(office, worker(office, gone, tmp_path / "home"))
    assert keep_promises(office, [], addressed=PEOPLE) == {QUEUED: PEOPLE}
    assert "cannot be reached" in office.reason()

    with SmtpPeer() as peer:
        send_all_day(office, peer, tmp_path)
        states = keep_promises(office, taken_by_smtp(office, peer), addressed=PEOPLE)
    assert states == {SENT: PEOPLE}


@pytest.mark.parametrize("takes", [True, False], ids=["accepted", "rejected"])
@pytest.mark.parametrize(
    "answer",
    [Ending.DROP, Ending.HANG, b"\0garbage\r\n", b"250 2.0"],
    ids=["drop", "hang", "garbage", "half"],
)
def test_a_lost_answer_is_unknown_whatever_it_was(
    office: Office, tmp_path: Path, answer: Ending | bytes, takes: bool
) -> None:
    """Nobody can tell the twins apart, so nothing else would be honest."""
    lost = Fault("dot", answer, times=2, takes=takes, closes=True)
    with SmtpPeer(lost) as peer:
        send_all_day(office, peer, tmp_path)

        taken = taken_by_smtp(office, peer)
        states = keep_promises(office, taken, addressed=PEOPLE, unknown=2)
    assert states == {SENT: PEOPLE - 2, UNKNOWN: 2}
    assert len(taken) == (PEOPLE if takes else PEOPLE - 2)


def test_a_mail_that_was_cut_in_its_middle_is_nobodys_mail(
    office: Office, tmp_path: Path
) -> None:
    with SmtpPeer(Fault("body", Ending.DROP, times=3)) as peer:
        send_all_day(office, peer, tmp_path)

        taken = taken_by_smtp(office, peer)
        states = keep_promises(office, taken, addressed=PEOPLE, unknown=3)
    assert states == {SENT: PEOPLE - 3, UNKNOWN: 3}


def test_a_slow_last_answer_is_waited_for(office: Office, tmp_path: Path) -> None:
    slow = Fault("dot", "250 2.0.0 at last", times=3, takes=True, delay=0.6)
    with SmtpPeer(slow) as peer:
        transport = smtp(peer, timeouts=PATIENT)
        send(office, worker(office, transport, tmp_path / "home"))

        states = keep_promises(office, taken_by_smtp(office, peer), addressed=PEOPLE)
    assert states == {SENT: PEOPLE}


def test_each_reader_has_a_fate_of_their_own(office: Office, tmp_path: Path) -> None:
    with SmtpPeer(
        Fault("RCPT", "450 4.2.1 greylisted", times=1, address="r1@example.org"),
        Fault("RCPT", "550 5.1.1 no such user", address="r2@example.org"),
        Fault("dot", "452 4.3.1 no space", times=2, address="r3@example.org"),
        Fault("dot", "552 5.2.2 mailbox full", address="r4@example.org"),
        Fault("dot", "451 4.7.1 try later", times=1, address="r5@example.org"),
    ) as peer:
        send_over(office, peer, tmp_path)
        first = keep_promises(office, taken_by_smtp(office, peer), addressed=PEOPLE)
        send_all_day(office, peer, tmp_path)
        last = keep_promises(office, taken_by_smtp(office, peer), addressed=PEOPLE)

    assert first == {SENT: PEOPLE - 5, QUEUED: 3, FAILED: 2}
    assert last == {SENT: PEOPLE - 2, FAILED: 2}
    assert "5.1.1" in office.reason(2)


def test_what_is_put_off_waits_for_its_time(office: Office, tmp_path: Path) -> None:
    with SmtpPeer(Fault("RCPT", "450 4.2.1 later", times=PEOPLE)) as peer:
        send_over(office, peer, tmp_path)
        sessions = len(peer.talks)
        office.later(seconds=29)
        send_over(office, peer, tmp_path)
        assert len(peer.talks) == sessions, "no hot loop"
        office.later(seconds=1)
        send_over(office, peer, tmp_path)

        states = keep_promises(office, taken_by_smtp(office, peer), addressed=PEOPLE)
    assert states == {SENT: PEOPLE}


def test_what_is_put_off_for_a_day_has_failed(office: Office, tmp_path: Path) -> None:
    with SmtpPeer(Fault("RCPT", "450 4.2.1 later", address="r1@example.org")) as peer:
        for _ in range(8):
            send_over(office, peer, tmp_path)
            office.later(hours=4)

        states = keep_promises(office, taken_by_smtp(office, peer), addressed=PEOPLE)
    assert states == {SENT: PEOPLE - 1, FAILED: 1}
    assert office.status() is CampaignStatus.SENT
    assert "given up after a day" in office.reason(1)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("dot", "550 5.7.26 not authenticated"),
        Fault("dot", "550 5.7.515 access denied"),
        Fault("MAIL", "530 5.7.0 log in first"),
        Fault("MAIL", "553 5.1.8 your domain does not exist"),
        Fault("RCPT", "554 5.7.1 relay access denied"),
    ],
    ids=name,
)
def test_our_own_fault_pauses_and_costs_no_reader(
    office: Office, tmp_path: Path, fault: Fault
) -> None:
    ours = Fault(fault.at, fault.answer)
    with SmtpPeer(ours) as peer:
        send_over(office, peer, tmp_path)
        assert office.status() is CampaignStatus.PAUSED
        assert "5." in office.campaign().note
        assert keep_promises(office, [], addressed=PEOPLE) == {QUEUED: PEOPLE}
        assert office.get(Suppression, "r1@example.org") is None

        ours.times = 0
        office.do(lifecycle.resume, 1)
        office.later(minutes=1)
        send_over(office, peer, tmp_path)
        states = keep_promises(office, taken_by_smtp(office, peer), addressed=PEOPLE)
    assert states == {SENT: PEOPLE}


def test_a_wrong_password_pauses_and_costs_no_reader(
    office: Office, tmp_path: Path
) -> None:
    with SmtpPeer(login=("anne", "secret")) as peer:
        wrong = smtp(peer, user="anne", password="guess")
        send(office, worker(office, wrong, tmp_path / "home"))
        assert office.status() is CampaignStatus.PAUSED
        assert "guess" not in office.campaign().note

        office.do(lifecycle.resume, 1)
        right = smtp(peer, user="anne", password="secret")
        send(office, worker(office, right, tmp_path / "home"))
        states = keep_promises(office, taken_by_smtp(office, peer), addressed=PEOPLE)
    assert states == {SENT: PEOPLE}


def test_no_password_travels_when_starttls_is_gone(
    office: Office, tmp_path: Path
) -> None:
    with SmtpPeer(login=("anne", "secret")) as peer:
        strict = smtp(peer, tls=Tls.STARTTLS, user="anne", password="secret")
        send(office, worker(office, strict, tmp_path / "home"))

        said = [command for talk in peer.talks for command in talk.commands]
    assert office.status() is CampaignStatus.PAUSED
    assert not [command for command in said if command.startswith("AUTH")]
    assert keep_promises(office, [], addressed=PEOPLE) == {QUEUED: PEOPLE}


def test_a_certificate_that_is_not_trusted_pauses(
    office: Office, tmp_path: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with SmtpPeer(tls="starttls", context=context, login=("anne", "secret")) as peer:
        strict = smtp(peer, tls=Tls.STARTTLS, user="anne", password="secret")
        send(office, worker(office, strict, tmp_path / "home"))

    assert office.status() is CampaignStatus.PAUSED
    assert "certificate" in office.campaign().note
    assert keep_promises(office, [], addressed=PEOPLE) == {QUEUED: PEOPLE}


def test_an_urgent_brief_passes_stalled_connections_by(
    office: Office, tmp_path: Path
) -> None:
    """Every connection stalls at first; a deadline frees them for what is urgent."""
    with SmtpPeer(Fault("DATA", Ending.HANG, times=6)) as peer:
        office.schedule("Urgent", urgent=True)
        send_all_day(office, peer, tmp_path)

        taken = taken_by_smtp(office, peer)
        states = keep_promises(office, taken, addressed=2 * PEOPLE)
    assert states == {SENT: 2 * PEOPLE}


class Dribble:
    """A server that says its banner byte by byte, and never the end of it."""

    def __init__(self) -> None:
        self.left = 0

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._dribble, "127.0.0.1", 0)

    async def _dribble(
        self, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while True:
                writer.write(b"2")
                await writer.drain()
                await asyncio.sleep(0.05)
        except (ConnectionError, asyncio.CancelledError):
            self.left += 1
        finally:
            writer.close()


def test_a_server_that_dribbles_is_left_at_its_deadline(
    office: Office, tmp_path: Path
) -> None:
    async def play() -> None:
        dribble = Dribble()
        server = await dribble.serve()
        port = server.sockets[0].getsockname()[1]
        transport = Smtp(SmtpSettings("127.0.0.1", port, Tls.NEVER), timeouts=QUICK)
        sender = worker(office, transport, tmp_path / "home")
        await at_work(sender, until=lambda: at_rest(office), within=5)
        server.close()

    asyncio.run(play())

    assert keep_promises(office, [], addressed=PEOPLE) == {QUEUED: PEOPLE}
