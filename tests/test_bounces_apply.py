"""Bounces by mail: what follows from them, and that a forged one changes nothing."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from flashmail import cli
from flashmail.bounces import read_bounce
from flashmail.database import transaction
from flashmail.links import Purpose
from flashmail.model import DeliveryState, EventKind, SubscriberStatus, Suppression
from flashmail.tracking.bounce_intake import match_bounce
from flashmail.tracking.recording import record
from flashmail.transports import Outcome
from office import Office
from returned import SAMPLES, complaint, dsn, notice, sample

S, E = DeliveryState, EventKind
ANNE = "anne@example.org"


@pytest.fixture
def sent(office: Office) -> Office:
    """A campaign that went out to Anne and Bart."""
    for name in ("Anne", "Bart"):
        office.subscribe(name, "Iran")
    office.schedule()
    office.send_all()
    return office


def bounce(office: Office, raw: bytes) -> int:
    """Let a mail come back; return how many events were new."""
    with transaction(office.engine) as session:
        event = match_bounce(
            session, office.tokens, read_bounce(raw), raw, now=office.now
        )
        return record(session, [event] if event else [])


@pytest.mark.parametrize("purpose", [Purpose.BOUNCE, Purpose.WATCH])
def test_a_hard_bounce_counts_once_and_suppresses(
    sent: Office, purpose: Purpose
) -> None:
    raw = dsn(token=sent.token(purpose))

    assert (bounce(sent, raw), bounce(sent, raw)) == (1, 0)

    assert sent.states() == {S.BOUNCED: 1, S.SENT: 1}
    assert sent.get(Suppression, ANNE).reason is SubscriberStatus.BOUNCED


@pytest.fixture
def unknown(office: Office) -> Office:
    """Nobody knows whether Anne and Bart got a campaign."""
    office.post.outcome = Outcome.UNKNOWN
    for name in ("Anne", "Bart"):
        office.subscribe(name, "Iran")
    office.schedule()
    office.send_all()
    assert office.states() == {S.UNKNOWN: 2}
    return office


def away(token: str, sender: str = "Anne <Anne@Example.org>") -> bytes:
    """Return a vacation note."""
    to = f"b-{token}@example.org"
    head = f"Return-Path: <>\nFrom: {sender}\nTo: {to}\nSubject: Out of office\n"
    return f"{head}Auto-Submitted: auto-replied\n\nBack on Monday.\n".encode()


def arrived(token: str, action: str = "delivered", status: str = "2.0.0") -> bytes:
    return dsn(action, status, token=token)


@pytest.mark.parametrize("action", ["delivered", "relayed"])
def test_a_notice_of_success_settles_what_was_unknown(
    unknown: Office, action: str
) -> None:
    raw = arrived(unknown.token(Purpose.BOUNCE), action)

    assert (bounce(unknown, raw), bounce(unknown, raw)) == (1, 0)

    assert unknown.states() == {S.SENT: 1, S.UNKNOWN: 1}
    assert unknown.get(Suppression, ANNE) is None


def test_who_is_on_holiday_has_got_it_and_that_is_all(unknown: Office) -> None:
    assert bounce(unknown, away(unknown.token(Purpose.BOUNCE))) == 1

    assert unknown.states() == {S.SENT: 1, S.UNKNOWN: 1}
    assert unknown.get(Suppression, ANNE) is None
    people = unknown.report().people
    assert {kind for kind, n in people.items() if n} == {E.ACCEPTED}


def test_what_is_known_is_not_told_again(sent: Office) -> None:
    token = sent.token(Purpose.BOUNCE)

    assert [bounce(sent, each) for each in (away(token), arrived(token))] == [0, 0]

    assert sent.states() == {S.SENT: 2}


def test_what_bounced_stays_so_whatever_comes_later(sent: Office) -> None:
    token = sent.token(Purpose.BOUNCE)
    bounce(sent, dsn(token=token))

    assert [bounce(sent, each) for each in (away(token), arrived(token))] == [0, 0]

    assert sent.states() == {S.BOUNCED: 1, S.SENT: 1}


def test_nobody_else_says_that_it_arrived(unknown: Office) -> None:
    mine = unknown.token(Purpose.BOUNCE)
    forged = f"{mine[:-1]}{'1' if mine[-1] == '0' else '0'}"
    for raw in (
        arrived(forged),
        away(forged),
        arrived(""),
        away("0" * 48),
        away(unknown.token(Purpose.LEAVE)),
        away(mine, "bart@example.org"),
        away(mine, "anne@example.org.uk"),
        away(mine, ""),
        dsn("delivered", "2.0.0", address="bart@example.org", token=mine),
        dsn("delivered", "5.1.1", token=mine),
        dsn("delayed", "4.4.1", token=mine),
        dsn("expanded", "2.0.0", token=mine),
    ):
        assert bounce(unknown, raw) == 0, raw
    assert unknown.states() == {S.UNKNOWN: 2}


def test_a_complaint_suppresses(sent: Office) -> None:
    assert bounce(sent, complaint(token=sent.token(Purpose.BOUNCE))) == 1

    assert sent.get(Suppression, ANNE).reason is SubscriberStatus.COMPLAINED
    assert sent.people(E.COMPLAINED) == 1


@pytest.mark.parametrize(
    ("address", "counts"),
    [
        ("Anne@Example.org", 1),
        ("redacted@example.org", 1),
        ("u83hf02kdh27fhx92jf0@example.org", 1),
        ("bart@example.org", 0),
        ("redacted@example.net", 0),
    ],
)
def test_a_complaint_may_hide_its_reader_but_names_no_other(
    sent: Office, address: str, counts: int
) -> None:
    raw = complaint(address=address, token=sent.token(Purpose.BOUNCE))

    assert bounce(sent, raw) == counts


def test_a_full_mailbox_costs_the_mail_and_not_the_reader(sent: Office) -> None:
    raw = dsn(status="5.2.2", said="mailbox full", token=sent.token(Purpose.BOUNCE))

    assert bounce(sent, raw) == 1

    assert sent.states() == {S.FAILED: 1, S.SENT: 1}
    assert sent.reason() == "5.2.2 mailbox full"
    assert sent.get(Suppression, ANNE) is None


def test_a_mailbox_that_stays_full_gets_no_more(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    for day in range(6):
        campaign = office.schedule(f"Storm {day}")
        office.send_all()
        token = office.token(Purpose.BOUNCE, campaign=campaign)
        date = f"Date: {office.now:%a, %d %b %Y %H:%M:%S} +0000".encode()
        raw = dsn(status="4.2.2", said="mailbox full", token=token)
        bounce(office, raw.replace(b"Date: Mon, 2 Mar 2026 12:00:00 +0000", date))
        office.later(days=1)

    assert len(office.post.sent) == 5
    assert office.get(Suppression, ANNE).detail == "turned mail away on 5 days of 30"


def test_a_forged_bounce_changes_nothing(sent: Office) -> None:
    mine, leave = sent.token(Purpose.BOUNCE, 2), sent.token(Purpose.LEAVE)
    never = sent.token(Purpose.BOUNCE, 9)
    for raw in (
        dsn(),
        dsn(token="0" * 48),
        dsn(token=f"{mine[:-1]}{'1' if mine[-1] == '0' else '0'}"),
        dsn(token=sent.token(Purpose.BOUNCE)[:16] + mine[16:]),
        dsn(token=mine),  # Bart's, and names Anne
        dsn(token=leave),
        dsn(token=never, address=""),
        complaint(address=ANNE),
        complaint(address=ANNE, token=mine),
        complaint(address=ANNE, token="f" * 48),
        notice("550 5.1.1 <anne@example.org>: user unknown"),
    ):
        assert bounce(sent, raw) == 0, raw

    assert sent.states() == {S.SENT: 2}
    assert sent.get(Suppression, ANNE) is None


@pytest.mark.parametrize("name", ["vacation-null-sender", "exchange-delayed"])
def test_what_is_no_bounce_changes_nothing(sent: Office, name: str) -> None:
    assert bounce(sent, sample(name, sent.token(Purpose.BOUNCE))) == 0


@pytest.mark.parametrize("date", ["2036", "1996"])
def test_a_mail_cannot_lie_about_its_age(sent: Office, date: str) -> None:
    raw = dsn(token=sent.token(Purpose.BOUNCE)).replace(b"2026", date.encode())
    with transaction(sent.engine) as session:
        event = match_bounce(session, sent.tokens, read_bounce(raw), raw, now=sent.now)

    assert event
    assert event.at == sent.now


class Shell:
    """A command line in an empty folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def read(self, *words: object, status: int = 0) -> list[dict[str, Any]]:
        command = ["--home", str(self.folder), "bounces", "read", *map(str, words)]
        assert cli.run([*command, "--json"]) == status
        return [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    for name in ("HOME", "DATABASE_URL", "SECRET_KEY"):
        monkeypatch.delenv(f"FLASHMAIL_{name}", raising=False)
    return Shell(tmp_path, capsys)


def maildir(folder: Path) -> Path:
    """A Maildir with a bounce in new and a note in cur."""
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "new" / "1.a").write_bytes(sample("postfix-unknown-user"))
    (folder / "cur" / "2.b:2,S").write_bytes(sample("vacation-null-sender"))
    (folder / "tmp" / "3.c").write_bytes(b"half a ma")
    return folder


def test_files_and_folders_are_read_without_any_settings(shell: Shell) -> None:
    one = SAMPLES / "postfix-unknown-user.eml"
    told = shell.read(one, SAMPLES)

    assert told[0] == {
        "file": str(one),
        "kind": "hard",
        "address": "anne@example.com",
        "status": "5.1.1",
        "reason": told[0]["reason"],
    }
    assert "User unknown" in told[0]["reason"]
    assert len(told) == 1 + len(list(SAMPLES.iterdir()))


def test_a_maildir_is_left_as_it_is_unless_told_otherwise(shell: Shell) -> None:
    told = shell.read(maildir(shell.folder / "mail"))

    assert [each["kind"] for each in told] == ["hard", "auto-reply"]
    assert (shell.folder / "mail" / "new" / "1.a").exists()


def test_a_bounce_comes_through_a_pipe(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO(sample("exim-mailbox-full"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))

    assert [(each["file"], each["kind"]) for each in shell.read("-")] == [("-", "soft")]


def test_what_is_read_is_moved_once_it_is_kept(shell: Shell) -> None:
    cli.run(["--home", str(shell.folder), "init"])
    mail = maildir(shell.folder / "mail")

    shell.read("--apply", mail)

    assert list((mail / "new").iterdir()) == []
    assert (mail / "cur" / "1.a:2,S").exists()


def test_a_place_that_is_not_there_is_said(shell: Shell) -> None:
    shell.read(shell.folder / "nothing", status=2)


def test_a_stranger_cannot_paint_the_terminal(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = notice("550 no \x1b[31m such user \u202e[bold]<anne@example.org>")
    (shell.folder / "1.eml").write_bytes(raw)

    cli.run(["bounces", "read", str(shell.folder / "1.eml")])

    out = capsys.readouterr().out
    assert "[bold]" in out
    assert not {"\x1b", "\u202e"} & set(out)
