"""The wire: what a receiving server and a reader's mail program get, rule by rule.

The bytes come from peers and are read by code that did not write them.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from flashmail.audience.segment import Segment
from flashmail.campaigns.content import Sender, compose
from flashmail.links import Links, Purpose, Tokens
from flashmail.message import BOUNCE, LEAVE, TOKEN, Message, mark
from flashmail.model import Priority
from flashmail.transports import Outcome, Receipt, Recipient, Transport
from flashmail.transports.outbox import Outbox
from flashmail.transports.smtp import Smtp, SmtpSettings, Tls
from peers.plain_smtp import PlainSmtpPeer
from peers.smtp import SmtpPeer

TOKENS = Tokens.of(["k" * 32])
DOTS = ".\n..\n.x\nMAIL FROM:<evil@example.org>\n.\r\nQUIT\r\n"
HOSTILE = [
    "Anne",
    "张伟 👩‍👩‍👧",
    "محمد \u202eevil",
    "A" * 60 + ", evil@attacker.example," + "B" * 60,
    "\r\n.\r\nMAIL FROM:<evil@example.org>",
    "\n.\n",
    "\r.\r",
    "=?UTF-8?Q?=0A?=Bcc: x@y",
    ".",
    "é" * 200,
    "%b =3D =",
]


def message(subject: str = "Störm 💨", name: str = "Briefs, daily 📰") -> Message:
    """Return a mail as the house composes it."""
    body = f"Dear {mark('name', 'reader')},\n{DOTS}{'long ' * 300}"
    draft = compose(
        Message(subject, f"<p>{body}</p>", body),
        (),
        segment=Segment(),
        topics=(),
        template="",
        priority=Priority.NORMAL,
        sender=Sender(name, "briefs@example.org", "mail.example.org"),
        links=Links("https://mail.example.org"),
    )
    return draft.message


def reader(number: int, name: str) -> Recipient:
    values = {
        "name": name,
        TOKEN: TOKENS.write(Purpose.WATCH, 1, number),
        LEAVE: TOKENS.write(Purpose.LEAVE, 1, number),
        BOUNCE: TOKENS.write(Purpose.BOUNCE, 1, number),
    }
    return Recipient(number, f"r{number}@example.org", values)


READERS = [reader(number, name) for number, name in enumerate(HOSTILE)]


def carry(transport: Transport, mail: Message, readers: Sequence[Recipient]) -> None:
    async def unmarked(_: Sequence[int]) -> None:
        """Mark nothing: these tests have no ledger."""

    async def carried() -> list[Receipt]:
        try:
            return await transport.send(mail, readers, unmarked)
        finally:
            await transport.close()

    receipts = asyncio.run(carried())
    assert {receipt.outcome for receipt in receipts} == {Outcome.ACCEPTED}


def smtp(port: int) -> Smtp:
    return Smtp(SmtpSettings("127.0.0.1", port, Tls.NEVER), connections=2)


@pytest.fixture(scope="module")
def from_smtp() -> dict[str, bytes]:
    with SmtpPeer() as peer:
        carry(smtp(peer.port), message(), READERS)
    assert peer.violations == []
    assert [mail.raw for mail in peer.messages if b"\r\n." in mail.raw] == []
    return {mail.recipients[0]: mail.raw for mail in peer.messages}


@pytest.fixture(scope="module")
def from_aiosmtpd() -> dict[str, bytes]:
    with PlainSmtpPeer() as peer:
        carry(smtp(peer.port), message(), READERS)
    return {mail.recipients[0]: mail.raw for mail in peer.messages}


@pytest.fixture(scope="module")
def from_outbox(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder: Path = tmp_path_factory.mktemp("outbox")
    carry(Outbox(folder), message(), READERS)
    return {mail.to: mail.raw for mail in Outbox(folder).mails()}


@pytest.fixture(params=["smtp", "aiosmtpd", "outbox"])
def mails(request: pytest.FixtureRequest) -> dict[str, bytes]:
    """Every way out has to keep every rule."""
    found: dict[str, bytes] = request.getfixturevalue(f"from_{request.param}")
    return found


def head(raw: bytes) -> bytes:
    return raw.split(b"\r\n\r\n", 1)[0] + b"\r\n"


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def body(raw: bytes, kind: str) -> str:
    part = parsed(raw).get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_each_reader_has_one_mail(mails: dict[str, bytes]) -> None:
    assert sorted(mails) == sorted(each.address for each in READERS)


def test_the_one_click_way_out_is_exact(mails: dict[str, bytes]) -> None:
    """RFC 8058, section 3.1; RFC 2369."""
    for raw in mails.values():
        lines = re.findall(rb"(?mi)^List-Unsubscribe:.*\r\n(?:[ \t].*\r\n)*", head(raw))
        [line] = lines
        assert re.fullmatch(
            rb"List-Unsubscribe: <https://mail\.example\.org/u/[0-9a-f]{48}>\r\n", line
        )
        assert head(raw).count(b"\r\nList-Unsubscribe-Post:") == 1
        assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in head(raw)


def test_the_way_out_leads_to_its_reader(mails: dict[str, bytes]) -> None:
    for address, raw in mails.items():
        found = re.search(rb"/u/([0-9a-f]+)>", raw)
        assert found is not None
        _, number = TOKENS.read(Purpose.LEAVE, found[1].decode())
        assert address == f"r{number}@example.org"


def test_list_headers_stand_once(mails: dict[str, bytes]) -> None:
    """RFC 2369, RFC 2919."""
    for raw in mails.values():
        names = Counter(re.findall(rb"(?mi)^(List-[a-z-]+):", head(raw)))
        assert set(names.values()) == {1}
        assert b"\r\nList-Post: NO\r\n" in head(raw)
        found = re.search(rb"(?ms)^List-Id: (.*?)<([^<>]+)>\r\n(?=\S)", head(raw))
        assert found is not None
        assert found[2] == b"briefs.mail.example.org"
        assert len(found[2]) <= 255


def test_a_mail_is_an_internet_message(mails: dict[str, bytes]) -> None:
    """RFC 5322: what must be there is there once, and lines are lines."""
    for raw in mails.values():
        names = Counter(
            name.lower() for name in re.findall(rb"(?m)^([!-9;-~]+):", head(raw))
        )
        assert set(names.values()) == {1}
        assert {b"date", b"from", b"to", b"message-id", b"subject"} <= names.keys()
        assert b"bcc" not in names
        assert parsedate_to_datetime(parsed(raw)["Date"]).tzinfo is not None
        assert re.search(rb"(?<!\r)\n|\r(?!\n)|\0", raw) is None
        assert raw.isascii()


def test_no_line_is_too_long(mails: dict[str, bytes]) -> None:
    """RFC 5322, section 2.1.1: only what may not be broken passes 78 characters."""
    for raw in mails.values():
        long = [line for line in raw.split(b"\r\n") if len(line) > 78]
        assert all(len(line) <= 998 and line.count(b" ") == 1 for line in long)
        assert {line.partition(b":")[0] for line in long} <= {
            b"List-Unsubscribe",
            b"Message-ID",
        }


def test_no_two_mails_share_a_message_id(mails: dict[str, bytes]) -> None:
    ids = {str(parsed(raw)["Message-ID"]) for raw in mails.values()}

    assert len(ids) == len(READERS)
    assert all(re.fullmatch(r"<[0-9a-f]{48}@mail\.example\.org>", each) for each in ids)


def test_nothing_on_the_wire_could_end_a_mail_early(mails: dict[str, bytes]) -> None:
    """RFC 5321, section 4.5.2; CVE-2023-51764: no dot leads a line in any reading."""
    for raw in mails.values():
        assert re.search(rb"[\r\n]\.", raw) is None


def test_dots_arrive_as_they_were_written(mails: dict[str, bytes]) -> None:
    wanted = DOTS.replace("\r\n", "\n")
    for raw in mails.values():
        assert wanted in body(raw, "plain").replace("\r\n", "\n")
        assert "<evil@example.org>" in body(raw, "html")


def test_no_name_adds_a_header_a_reader_or_a_line(mails: dict[str, bytes]) -> None:
    for address, raw in mails.items():
        mail = parsed(raw)
        assert [each.addr_spec for each in mail["To"].addresses] == [address]
        assert not mail.defects
        assert len(body(raw, "plain").splitlines()) == 8


def test_the_subject_and_the_sender_arrive(mails: dict[str, bytes]) -> None:
    for raw in mails.values():
        assert parsed(raw)["Subject"] == "Störm 💨"
        [sender] = parsed(raw)["From"].addresses
        assert sender.addr_spec == "briefs@example.org"
        assert sender.display_name == "Briefs, daily 📰"


def test_each_bounce_comes_back_to_its_own_address() -> None:
    with PlainSmtpPeer() as peer:
        carry(smtp(peer.port), message(), READERS)

    for mail in peer.messages:
        local, _, domain = mail.sender.partition("@")
        _, number = TOKENS.read(Purpose.BOUNCE, local.removeprefix("b-"))
        assert mail.recipients == (f"r{number}@example.org",)
        assert (len(local) <= 64, domain) == (True, "mail.example.org")


def test_automatic_mail_says_so() -> None:
    """RFC 3834."""
    automatic = Message(
        "Confirm", "", "", (*message().headers, ("Auto-Submitted", "auto-generated"))
    )
    with SmtpPeer() as peer:
        carry(smtp(peer.port), automatic, READERS[:1])

    assert b"\r\nAuto-Submitted: auto-generated\r\n" in peer.messages[0].raw


LINE = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029"),
    min_size=1,
    max_size=200,
).filter(str.strip)


@settings(max_examples=examples(25), deadline=None)
@given(subject=LINE, sender=LINE, name=st.text(max_size=300))
def test_whatever_is_written_the_header_lines_are_ours(
    subject: str, sender: str, name: str
) -> None:
    mail = message(subject, sender.replace("<", "").replace(">", "") or "Briefs")
    expected = ["To", "Date", "Subject", *(key for key, _ in mail.headers)]
    with SmtpPeer() as peer:
        carry(smtp(peer.port), mail, [reader(1, name)])

    [taken] = peer.messages
    assert parsed(taken.raw).keys() == [*expected, "MIME-Version", "Content-Type"]
    assert taken.recipients == ("r1@example.org",)
    assert re.search(rb"(?<!\r)\n|\r(?!\n)|[\r\n]\.", taken.raw) is None
