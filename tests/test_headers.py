"""Header lines: exact on the wire, and nobody can add one."""

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashmail.errors import WrongInput
from flashmail.message import LEAVE, Message, mark
from flashmail.message.mime import Compiled

DATE = "Mon, 23 Nov 2026 09:00:00 +0000"
FROM = ("From", "Flash Briefs <briefs@example.org>")
TOKENS = {LEAVE: "b2" * 24}


def head(*headers: tuple[str, str], subject: str = "Storm") -> bytes:
    raw = Compiled(Message(subject, "", "", headers or (FROM,))).fill(
        "anne@example.org", TOKENS, DATE
    )
    return raw.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n"


def read(raw: bytes, name: str) -> str:
    [value] = message_from_bytes(raw, policy=policy.default).get_all(name, [])
    return str(value)


def test_a_mail_has_these_lines_and_no_others() -> None:
    assert re.findall(rb"(?m)^([^ :]+):", head()) == [
        b"To",
        b"Date",
        b"Subject",
        b"From",
        b"MIME-Version",
        b"Content-Type",
    ]


SUBJECTS = st.text(
    st.characters(
        exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff"
    ),
    min_size=1,
    max_size=300,
).filter(str.strip)


@given(SUBJECTS)
def test_any_subject_arrives_as_it_was_written(subject: str) -> None:
    raw = head(subject=subject)

    assert read(raw, "Subject") == subject
    assert max(len(line) for line in raw.split(b"\r\n")) <= 78
    assert re.search(rb"\r\n[ \t]+\r\n", raw) is None


def test_a_plain_subject_is_readable_in_the_raw_mail() -> None:
    assert b"\r\nSubject: Iran, again: what now?\r\n" in head(
        subject="Iran, again: what now?"
    )


def test_a_long_subject_is_folded_between_words() -> None:
    raw = head(subject="word " * 40 + "end")

    assert b"=?" not in raw
    assert read(raw, "Subject") == "word " * 40 + "end"


@pytest.mark.parametrize(
    "subject",
    [
        "A 💩=?UTF-8?Q?=0A?=Bcc: x@y",
        "=?UTF-8?Q?=0D=0A?=Bcc: x@y",
        "=?utf-8?b?Cg==?=",
    ],
)
def test_an_encoded_word_in_a_subject_stays_text(subject: str) -> None:
    raw = head(subject=subject)
    mail = message_from_bytes(raw, policy=policy.default)

    assert mail["Bcc"] is None
    assert b"Bcc" not in raw
    assert read(raw, "Subject") == subject


@pytest.mark.parametrize(
    "subject", ["", "  ", "a\r\nBcc: x@y", "a\x85b", "a\u2028b", "\0", mark("name")]
)
def test_a_subject_is_there_and_on_one_line(subject: str) -> None:
    with pytest.raises(WrongInput):
        head(subject=subject)


@pytest.mark.parametrize(
    "name",
    [
        "Flash Briefs",
        "Smith, Jones & Co.",
        'The "Brief"',
        "Institut für Politik",
        "研究所" * 20,
        "=?UTF-8?Q?=0A?=Bcc: x@y",
        "A" * 120,
        "back\\slash.",
    ],
)
def test_any_name_of_a_sender_arrives(name: str) -> None:
    raw = head(("From", f"{name} <briefs@example.org>"))
    [sender] = message_from_bytes(raw, policy=policy.default)["From"].addresses
    # The default policy leaves a space between the encoded words of a long name.
    phrase, address = parseaddr(message_from_bytes(raw)["From"])

    assert sender.addr_spec == address == "briefs@example.org"
    assert str(make_header(decode_header(phrase))) == name
    assert max(len(line) for line in raw.split(b"\r\n")) <= 78


def test_a_quoted_name_is_not_quoted_twice() -> None:
    assert b'\r\nFrom: "Smith, Jones" <a@example.org>\r\n' in head(
        ("From", '"Smith, Jones" <a@example.org>')
    )


def test_the_way_out_stands_on_one_unbroken_line() -> None:
    host = "https://" + "very-long." * 20 + "example.org"
    raw = head(
        FROM,
        ("List-Unsubscribe", f"<{host}/u/{mark(LEAVE)}>, <mailto:{mark(LEAVE)}@x.org>"),
    )
    token = TOKENS[LEAVE]

    assert f"\r\nList-Unsubscribe: <{host}/u/{token}>,\r\n".encode() in raw
    assert f"\r\n <mailto:{token}@x.org>\r\n".encode() in raw


def test_a_list_has_one_identity_and_any_name() -> None:
    raw = head(FROM, ("List-Id", "Briefs, daily 📰 <briefs.example.org>"))

    assert re.search(rb"\r\nList-Id: =\?utf-8\?b\?\S+\?= <briefs.example.org>\r\n", raw)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("X: 1\r\nBcc", "x@y", "no name"),
        ("", "x", "no name"),
        ("X Y", "x", "no name"),
        ("Bcc", "x@y", "cannot be among"),
        ("to", "x@y", "cannot be among"),
        ("Content-Type", "text/html", "cannot be among"),
        ("Resent-To", "x@y", "cannot be among"),
        ("from", "b@example.org", "twice"),
        ("X-Note", "a\r\nBcc: x@y", "line break"),
        ("X-Note", "a\0b", "line break"),
        ("X-Note", "=?utf-8?q?x?=", "encoded word"),
        ("X-Note", "", "ASCII"),
        ("X-Note", mark("name"), "tokens only"),
        ("X-Note", f"é {mark(LEAVE)}", "ASCII"),
        ("X-Note", "x" * 1000, "998"),
        ("Reply-To", "a@b, c@d", "not an address"),
        ("Reply-To", f"{mark('name')} <a@example.org>", "no marks"),
        ("Reply-To", "jörg@example.org", "ASCII before the @"),
        ("List-Id", f"x <{'a' * 256}>", "255"),
    ],
)
def test_a_header_that_could_do_harm_is_refused(
    name: str, value: str, complaint: str
) -> None:
    with pytest.raises(WrongInput, match=complaint):
        head(FROM, (name, value))


def test_every_mail_says_who_it_is_from() -> None:
    with pytest.raises(WrongInput, match="From"):
        head(("List-Post", "NO"))


def test_free_text_of_a_header_may_be_in_any_script() -> None:
    assert read(head(FROM, ("X-Note", "für Anne")), "X-Note") == "für Anne"
