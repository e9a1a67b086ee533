"""Mail as bytes: any name, in any place, read back with code that did not write it."""

import re
from binascii import a2b_qp
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flashmail.errors import WrongInput
from flashmail.message import BOUNCE, LEAVE, TOKEN, Message, fill, mark
from flashmail.message.mime import Compiled

DATE = "Mon, 23 Nov 2026 09:00:00 +0000"
TOKENS = {TOKEN: "a1" * 24, LEAVE: "b2" * 24, BOUNCE: "c3" * 24}
HEADERS = (
    ("From", "Flash Briefs <briefs@example.org>"),
    ("Message-ID", f"<{mark(TOKEN)}@example.org>"),
    ("List-Unsubscribe", f"<https://example.org/u/{mark(LEAVE)}>"),
)
LETTER = Message(
    subject="Storm",
    html=f"<p>Dear {mark('name', 'Reader')},</p>\n<a href='/c/{mark(TOKEN)}/1'>x</a>",
    text=f"Dear {mark('name', 'Reader')},\n\n/c/{mark(TOKEN)}/1 ",
    headers=HEADERS,
    envelope_sender=f"b-{mark(BOUNCE)}@example.org",
)

HOSTILE = [
    "张伟",
    "محمد",
    "👩‍👩‍👧 & <b>",
    '"O\'Neill" <x@y>',
    "%b %s {0}",
    "=3D=",
    "...",
    ".",
    " leading and trailing ",
    "\t",
    "\r\n.\r\n",
    "x" * 200,
    "." * 200,
    "é" * 200,
    "\u202eEVE\u2066",
    "\x00\x85\u2028",
    "\ud800",
    "\x01token|\x02",
]


def letter(html: str = "", text: str = "", subject: str = "Storm") -> Message:
    return Message(subject, html, text, HEADERS)


def mail(message: Message, **values: str) -> bytes:
    return Compiled(message).fill("anne@example.org", TOKENS | values, DATE)


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def part(raw: bytes, kind: str) -> str:
    """Decode a part with the C decoder, found by its boundary alone."""
    body = raw.split(f"Content-Type: text/{kind}".encode(), 1)[1]
    encoded = body.split(b"\r\n\r\n", 1)[1].split(b"\r\n--=_flashmail", 1)[0]
    return a2b_qp(encoded).decode()


def on_one_line(value: str) -> str:
    """Say what becomes of a value that would break or turn a line."""
    value = re.sub("[\u202a-\u202e\u2066-\u2069]", "", value)
    value = re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", value)
    return re.sub("[\ud800-\udfff]", "\ufffd", value)


def assert_travels(raw: bytes) -> None:
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", raw) is None
    lines = raw.split(b"\r\n")
    assert not [line for line in lines if line.startswith(b".")]
    body = raw.split(b"\r\n\r\n", 1)[1].split(b"\r\n")
    assert max(len(line) for line in body) <= 76
    assert not [line for line in body if line.endswith((b" ", b"\t"))]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_arrives_as_it_is_and_breaks_nothing(name: str) -> None:
    raw = mail(LETTER, name=name)
    plain = TOKENS | {"name": on_one_line(name)}

    assert_travels(raw)
    assert part(raw, "plain") == fill(LETTER.text, plain.__getitem__).replace(
        "\n", "\r\n"
    )
    assert part(raw, "html") == fill(
        LETTER.html, lambda field: escape(plain[field])
    ).replace("\n", "\r\n")


STATIC = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x01\x02")
)
MARKS = st.sampled_from([mark("name", "Reader"), mark("topic"), mark(TOKEN)])
TEXTS = st.lists(STATIC | MARKS | st.just("\n"), max_size=12).map("".join)


@given(text=TEXTS, name=st.text(), topic=st.text())
@example(text=f"Dear {mark('name')}", name="", topic="")
@example(text=f"{mark('name')}.{mark('topic')}.", name=".", topic="")
@example(text=" " * 76 + f" {mark('name')}\n.\n..", name=" ", topic="")
@example(text="x" * 75 + mark(TOKEN) + "x" * 28, name="", topic="")
def test_what_is_laid_out_reads_like_what_is_filled(
    text: str, name: str, topic: str
) -> None:
    message = letter(html=text, text=text)
    raw = mail(message, name=name, topic=topic)
    plain = TOKENS | {"name": on_one_line(name), "topic": on_one_line(topic)}
    wanted = re.sub(r"\r\n|\r|\n", "\r\n", fill(text, plain.__getitem__))
    escaped = fill(text, lambda field: escape(plain[field]))

    assert_travels(raw)
    assert part(raw, "plain") == wanted
    assert part(raw, "html") == re.sub(r"\r\n|\r|\n", "\r\n", escaped)
    assert [each.get_content_type() for each in parsed(raw).walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_the_standard_parser_reads_the_same() -> None:
    raw = mail(LETTER, name="Zoë & Co")
    html = parsed(raw).get_body(("html",))

    assert html is not None
    assert "<p>Dear Zoë &amp; Co,</p>" in html.get_content()


def test_who_has_no_name_is_called_by_the_fallback() -> None:
    assert "Dear Reader," in part(mail(LETTER, name=""), "plain")


def test_fallbacks_are_escaped_in_html() -> None:
    raw = mail(letter(html=mark("name", "<you>"), text=mark("name", "<you>")))

    assert (part(raw, "html"), part(raw, "plain")) == ("&lt;you&gt;", "<you>")


def test_each_reader_gets_only_their_own_mail() -> None:
    form = Compiled(LETTER)
    first = form.fill("anne@example.org", TOKENS | {"name": "Anne"}, DATE)
    second = form.fill("bart@example.org", TOKENS | {"name": "Bart"}, DATE)

    assert b"Anne" in first
    assert b"Anne" not in second
    assert form.fill("anne@example.org", TOKENS | {"name": "Anne"}, DATE) == first


def test_to_is_the_bare_address() -> None:
    name = "A" * 60 + ", evil@attacker.example," + "B" * 60
    to = parsed(mail(LETTER, name=name))["To"]

    assert [each.addr_spec for each in to.addresses] == ["anne@example.org"]
    assert to.addresses[0].display_name == ""


def test_a_domain_of_any_script_travels_in_a_labels() -> None:
    raw = Compiled(LETTER).fill("anne@exämple.de", TOKENS, DATE)

    assert b"\r\nTo: anne@xn--exmple-cua.de\r\n" in b"\r\n" + raw


def test_a_local_part_of_any_script_stays_as_it_is() -> None:
    raw = Compiled(LETTER).fill("用户@例え.jp", TOKENS, DATE)

    assert "To: 用户@xn--r8jz45g.jp\r\n".encode() in raw


@pytest.mark.parametrize(
    "address",
    [
        "anne",
        "a@b,c@d",
        '"xclow3n@gmail.com x"@internal.domain',
        "alice@example.org)bob@x",
        "a@good.com(x)evil.com",
        "a@[127.0.0.1]",
        "a@x>\r\nDATA",
        "a@exa\u200bmple.org",
        "anne@example.org\n",
        f"{'a' * 65}@example.org",
        f"a@{'.'.join(['b' * 63] * 4)}.org",
    ],
)
def test_an_address_that_programs_read_differently_is_refused(address: str) -> None:
    with pytest.raises(WrongInput):
        Compiled(LETTER).fill(address, TOKENS, DATE)


def test_the_longest_address_is_taken() -> None:
    domain = f"{'b' * 63}.{'c' * 63}.{'d' * 57}.org"
    address = f"{'a' * 64}@{domain}"

    assert len(address) == 254
    assert address.encode() in Compiled(LETTER).fill(address, TOKENS, DATE)


@pytest.mark.parametrize("token", ["", "short", "a1" * 25, "a\r" * 24, "é" * 48])
def test_a_token_that_does_not_fit_is_refused(token: str) -> None:
    with pytest.raises(WrongInput, match="48"):
        mail(LETTER, token=token)


def test_half_a_mark_is_refused() -> None:
    with pytest.raises(WrongInput, match="half a mark"):
        Compiled(letter(text="Dear \x01name"))


def test_a_date_cannot_bring_a_line() -> None:
    with pytest.raises(WrongInput):
        Compiled(LETTER).fill("anne@example.org", TOKENS, "today\r\nBcc: x@y")


def test_a_bounce_finds_its_delivery() -> None:
    sender = Compiled(LETTER).envelope_sender(TOKENS)

    assert sender == b"b-" + b"c3" * 24 + b"@example.org"


@pytest.mark.parametrize(
    "sender", [f"{mark('name')}@example.org", "b>\r\nDATA@example.org", "a" * 70 + "@x"]
)
def test_an_envelope_sender_that_is_no_address_is_refused(sender: str) -> None:
    with pytest.raises(WrongInput):
        Compiled(Message("Storm", "", "", HEADERS, sender))
