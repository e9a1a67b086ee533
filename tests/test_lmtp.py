"""LMTP: mail servers hand in what comes back, and are told the truth about it."""

import asyncio
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import pytest

from flashmail.bounces import read_bounce
from flashmail.database import transaction
from flashmail.links import Purpose, envelope_sender
from flashmail.message import fill
from flashmail.model import DeliveryState
from flashmail.tracking import bounce_intake
from flashmail.tracking.bounce_intake import match_bounce
from flashmail.tracking.recording import record
from office import Office
from returned import dsn


@contextmanager
def door(keep: bounce_intake.Keep, path: Path) -> Iterator[smtplib.LMTP]:
    """An open door, and a mail server that connects."""
    ready, loop, stop = Flag(), asyncio.new_event_loop(), asyncio.Event()

    async def stand_open() -> None:
        async with await bounce_intake.listen(keep, path=str(path)):
            ready.set()
            await stop.wait()

    thread = Thread(target=loop.run_until_complete, args=(stand_open(),))
    thread.start()
    ready.wait(10)
    try:
        with smtplib.LMTP(str(path)) as server:
            yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


class Shelf:
    """Keeps mails, unless it is full."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.full = False

    async def keep(self, raw: bytes) -> None:
        if self.full:
            raise OSError("full")
        self.mails.append(raw)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def bounce_address(office: Office, reader: int = 1) -> str:
    token = office.token(Purpose.BOUNCE, reader)
    return fill(envelope_sender("example.org"), lambda _: token)


def test_a_bounce_that_is_handed_in_counts(office: Office, tmp_path: Path) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.send_all()

    async def keep(raw: bytes) -> None:
        with transaction(office.engine) as session:
            verdict = read_bounce(raw)
            event = match_bounce(session, office.tokens, verdict, raw, now=office.now)
            record(session, [event] if event else [])

    with door(keep, tmp_path / "lmtp") as server:
        refused = server.sendmail("", [bounce_address(office)], dsn())

    assert refused == {}
    assert office.states() == {DeliveryState.BOUNCED: 1}


def test_each_recipient_is_answered(shelf: Shelf, tmp_path: Path) -> None:
    with door(shelf.keep, tmp_path / "lmtp") as server:
        server.ehlo()
        server.mail("")
        for name in ("a", "b"):
            server.rcpt(f"{name}@example.org")
        first = server.data(b"Subject: x\r\n\r\n.x\r\n")[0]
        second = server.getreply()[0]

    assert (first, second) == (250, 250)
    assert shelf.mails == [
        b"Delivered-To: a@example.org\r\nSubject: x\r\n\r\n.x\r\n",
        b"Delivered-To: b@example.org\r\nSubject: x\r\n\r\n.x\r\n",
    ]


def test_what_cannot_be_kept_is_to_be_handed_in_again(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.full = True
    with (
        door(shelf.keep, tmp_path / "lmtp") as server,
        pytest.raises(smtplib.SMTPDataError) as refused,
    ):
        server.sendmail("", ["a@example.org"], b"x\n")

    assert refused.value.smtp_code == 451


def test_a_mail_can_be_too_large(shelf: Shelf, tmp_path: Path) -> None:
    with (
        door(shelf.keep, tmp_path / "lmtp") as server,
        pytest.raises((smtplib.SMTPDataError, smtplib.SMTPSenderRefused)) as refused,
    ):
        server.sendmail("", ["a@example.org"], (b"x" * 998 + b"\n") * 5300)

    assert refused.value.smtp_code == 552
    assert shelf.mails == []


def test_each_recipient_of_a_mail_too_large_is_answered(
    shelf: Shelf, tmp_path: Path
) -> None:
    with door(shelf.keep, tmp_path / "lmtp") as server:
        server.ehlo()
        server.mail("")
        for name in ("a", "b"):
            server.rcpt(f"{name}@example.org")
        first = server.data((b"x" * 998 + b"\r\n") * 5300)[0]
        second = server.getreply()[0]

        assert (first, second) == (552, 552)
        assert server.noop()[0] == 250
    assert shelf.mails == []


def test_a_line_may_be_longer_than_mail_allows(shelf: Shelf, tmp_path: Path) -> None:
    with door(shelf.keep, tmp_path / "lmtp") as server:
        server.sendmail("", ["a@example.org"], b"x" * 100_000 + b"\r\n")

    assert len(shelf.mails) == 1


def test_a_line_without_end_is_hung_up_on(shelf: Shelf, tmp_path: Path) -> None:
    with door(shelf.keep, tmp_path / "lmtp") as server:
        server.ehlo()
        server.mail("")
        server.rcpt("a@example.org")
        server.docmd("DATA")
        with pytest.raises((ConnectionError, smtplib.SMTPServerDisconnected)):
            server.send(b"x" * 20_000_000)
        server.close()

    assert shelf.mails == []


def test_a_mail_has_so_many_recipients_at_most(shelf: Shelf, tmp_path: Path) -> None:
    with door(shelf.keep, tmp_path / "lmtp") as server:
        server.ehlo()
        server.mail("")
        codes = [server.rcpt(f"n{n}@example.org")[0] for n in range(101)]

    assert codes == [250] * 100 + [452]


def test_commands_may_come_at_once(shelf: Shelf, tmp_path: Path) -> None:
    with door(shelf.keep, tmp_path / "lmtp") as server:
        server.ehlo()
        offered = server.has_extn("pipelining")
        server.send("MAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n")
        asked = [server.getreply()[0] for _ in range(3)]
        server.send("Subject: x\r\n\r\nx\r\n.\r\nNOOP\r\n")
        answered = [server.getreply()[0] for _ in range(2)]

    assert offered
    assert (asked, answered) == ([250, 250, 354], [250, 250])
    assert len(shelf.mails) == 1


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("EHLO x", 500),
        ("MAIL FROM:<>", 503),
        ("RCPT TO:<a@example.org>", 503),
        ("DATA", 503),
        ("NOOP", 250),
        ("RSET", 250),
        ("VRFY a", 252),
        ("X" * 3000, 500),
        ("é", 500),
    ],
)
def test_everything_has_its_order(
    shelf: Shelf, tmp_path: Path, said: str, code: int
) -> None:
    with door(shelf.keep, tmp_path / "lmtp") as server:
        server.command_encoding = "utf-8"

        assert server.docmd(said)[0] == code
        server.ehlo()
        assert server.docmd("MAIL FROM:<>")[0] == 250
        assert server.docmd("MAIL FROM:<>")[0] == 503
        assert server.docmd("RCPT TO:")[0] == 501
