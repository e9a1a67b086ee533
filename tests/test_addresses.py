"""Addresses: which are taken, and which spellings are one mailbox."""

import time

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from flashmail.addresses import BadAddress, parse_address

ATTACKS = [
    '"xclow3n@gmail.com x"@internal.example.org',
    "alice@example.org)bob@example.com",
    "a@b,c@example.org",
    "a@good.com(x)evil.com",
    '"a"@example.org',
    "a@[127.0.0.1]",
    "Anne <anne@example.org>",
    "anne@exam\u200bple.org",
    "an\u200bne@example.org",
    "an\u202ene@example.org",
    "a@x.org>\r\nDATA",
    "anne@example.org\n",
    "anne@@example.org",
    "an ne@example.org",
    "anne@localhost",
    "anne@example",
    ".anne@example.org",
    "anne@-example.org",
    "anne@example..org",
    "a\0b@example.org",
    "@example.org",
    "anne",
    "",
    "a" * 65 + "@example.org",
    "é" * 33 + "@example.org",
    "a@" + ("b" * 60 + ".") * 4 + "example.org",
    "a" * 60 + "@" + ("b" * 60 + ".") * 3 + "example.org",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_address(text)


def test_case_makes_no_other_mailbox() -> None:
    assert (
        parse_address("Anne@Example.ORG").key == parse_address("anne@example.org").key
    )


def test_an_address_is_written_as_its_owner_writes_it() -> None:
    assert parse_address("Anne.B+news@Example.ORG").text == "Anne.B+news@example.org"


def test_an_international_domain_is_one_in_both_spellings() -> None:
    bücher = parse_address("anna@bücher.example")

    assert bücher == parse_address("anna@xn--bcher-kva.example")
    assert bücher.text == "anna@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mıke@example.org", "mike@example.org"),
        ("straße@example.org", "strasse@example.org"),
        ("josé@example.org", "jose@example.org"),
        ("anne.b@example.org", "anneb@example.org"),
        ("anne+news@example.org", "anne@example.org"),
        ("анна@example.org", "aннa@example.org"),
    ],
)
def test_two_people_never_share_a_key(one: str, other: str) -> None:
    assert parse_address(one).key != parse_address(other).key


@pytest.mark.parametrize("local", ["ａnne", "oﬃce", "anne²", "ℌans"])
def test_look_alikes_of_plain_letters_are_refused(local: str) -> None:
    with pytest.raises(BadAddress, match="look-alikes"):
        parse_address(f"{local}@example.org")


def test_composed_and_decomposed_accents_are_one() -> None:
    assert (
        parse_address("jose\u0301@example.org").key
        == parse_address("JOSÉ@example.org").key
    )


LOCALS = st.text(st.sampled_from("aZ9.+-_!#'{}~ @\"(,é\u0301ß\u200b\\"), max_size=8)
DOMAINS = st.text(st.sampled_from("aZ9.-_@ é\u0301ßü。\u200b[("), max_size=8)


@given(
    st.builds("{}@{}.{}".format, LOCALS, DOMAINS, st.sampled_from(["org", "c0", ""]))
)
@example("a@x\u0338.org")
@example("a@\u0338x.org")
def test_it_agrees_with_email_validator(text: str) -> None:
    try:
        known = validate_email(text, check_deliverability=False, strict=True)
    except EmailNotValidError:
        with pytest.raises(BadAddress):
            parse_address(text)
        return
    try:
        parsed = parse_address(text)
    except BadAddress as problem:
        assert "look-alikes" in str(problem) or "octets" in str(problem)  # noqa: PT017
    else:
        domain = known.ascii_domain
        assert parsed.text.lower() == f"{known.local_part}@{domain}".lower()


@given(st.emails())
def test_a_key_is_its_own_key(text: str) -> None:
    try:
        key = parse_address(text).key
    except BadAddress:
        return
    assert parse_address(key).key == key


@pytest.mark.parametrize(
    "text",
    ["a" * 5000 + "!", "a@" + "a" * 5000, "a." * 30_000, "é" * 30_000 + "@x.org"],
)
def test_no_address_takes_long_to_refuse(text: str) -> None:
    start = time.process_time()

    with pytest.raises(BadAddress):
        parse_address(text)

    assert time.process_time() - start < 0.05
