"""Bytes: whatever program a brief was saved with, it reads the same."""

from dataclasses import replace
from pathlib import Path

import pytest

import flashmail
from flashmail.briefs import Brief, read
from flashmail.briefs.dates import read_date
from flashmail.briefs.decoding import decode, mend, windows

EXAMPLE = (Path(flashmail.__file__).parent / "demo" / "brief.txt").read_text("utf-8")
TOPICS = ["Iran", "Iran Politics and Economy", "Pakistan"]
WANTED = read(EXAMPLE, topics=TOPICS)


def doubts(brief: Brief) -> str:
    return "\n".join(f"{doubt.line}: {doubt.message}" for doubt in brief.doubts)


@pytest.mark.parametrize(
    "data",
    [
        EXAMPLE.encode(),
        EXAMPLE.encode("utf-8-sig"),
        EXAMPLE.encode("utf-16"),
        b"\xfe\xff" + EXAMPLE.encode("utf-16-be"),
        EXAMPLE.replace("\n", "\r\n").encode(),
        EXAMPLE.replace("\n", "\r").encode(),
        EXAMPLE.replace("\n", "\u2028").encode(),
        EXAMPLE.replace("\n\n", "\n").encode(),
        EXAMPLE.replace("\n\n", "\n \u00a0\n\n").encode(),
        EXAMPLE.replace(" ", " \u00a0 ").encode(),
        EXAMPLE.replace("e", "e\u200b").encode(),
    ],
)
def test_encodings_and_spaces_make_no_difference(data: bytes) -> None:
    brief = read(data, topics=TOPICS)

    assert brief == WANTED


@pytest.mark.parametrize(
    ("data", "doubt"),
    [
        (EXAMPLE.encode("cp1252"), "11: not UTF-8 from here on"),
        (EXAMPLE.encode() + b"\x95", "34: not UTF-8 from here on"),
        (windows(EXAMPLE.encode()), "11: garbled characters such as 'â€'"),
        (EXAMPLE.encode().decode("latin-1"), "garbled characters"),
        (windows(windows(EXAMPLE.encode()).encode()), "garbled characters"),
        (windows(EXAMPLE.encode()).replace("\x9d", ""), "garbled characters"),
        (EXAMPLE.replace("Latest", "La\0test"), "9: a control character was left out"),
        (EXAMPLE.replace("a ", "a\x01\x02 "), "control characters were left out"),
        (EXAMPLE.encode().replace(b"i", b"\xc2\x81i"), "control characters were"),
        (
            EXAMPLE.replace("Latest", "La\ud800test"),
            "a control character was left out (U+D800)",
        ),
    ],
)
def test_what_was_damaged_is_mended_and_doubted(data: bytes | str, doubt: str) -> None:
    brief = read(data, topics=TOPICS)

    assert doubt in doubts(brief)
    assert replace(brief, doubts=(), topics=WANTED.topics) == WANTED


@pytest.mark.parametrize(
    "text",
    ["“café”—no", "“VI MÅ”", "Fuß— und", "Âge", "São João", "Ãgua", "à la “carte”"],
)
def test_what_is_only_accented_is_left_alone(text: str) -> None:
    assert decode(text) == (text, ())


@pytest.mark.parametrize(
    "text", ["ایران", "Київ", "Zażółć “gęś”", "北京", "👩🏽‍⚕️ é", "it’s"]
)
def test_any_script_is_got_back(text: str) -> None:
    assert mend(windows(f"“{text}” é".encode())) == f"“{text}” é"


@pytest.mark.parametrize(
    "text",
    [
        *("April 23, 2024", "Apr. 23, 2024", "Apr 23 2024", "APRIL 23rd, 2024"),
        *("23 April 2024", "23rd of April, 2024", "Tue, Apr 23, 2024", "2024-04-23"),
        *("Tuesday, April 23, 2024", "Tuesday 23 April 2024", "04/23/2024"),
        *("23/04/2024", "23.4.2024", "2024/4/23", "2024-04-23T08:00:00Z"),
    ],
)
def test_dates_are_read_as_people_write_them(text: str) -> None:
    dated = read_date(text)

    assert dated
    assert (str(dated.date), dated.doubt) == ("2024-04-23", "")


@pytest.mark.parametrize(
    "text", ["", "April 2024", "Smarch 1, 2024", "April 23", "2024", "4/23-2024"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_date(text) is None


@pytest.mark.parametrize(
    ("text", "wanted", "doubted"),
    [
        ("09/10/2024", "2024-09-10", True),
        ("04/04/2024", "2024-04-04", False),
        ("Sept. 9, 2024", "2024-09-09", False),
        ("Monday, Sept. 10, 2024", "2024-09-10", True),
    ],
)
def test_a_date_that_may_be_another_is_doubted(
    text: str, wanted: str, doubted: bool
) -> None:
    dated = read_date(text)

    assert dated
    assert (str(dated.date), bool(dated.doubt)) == (wanted, doubted)
