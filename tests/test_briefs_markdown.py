"""Briefs in Markdown: what flashmail writes, it reads; what editors write, too."""

import unicodedata
from dataclasses import replace
from datetime import UTC, date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from examples import examples
from flashmail.briefs import (
    Brief,
    Quote,
    Related,
    Section,
    SectionKind,
    read,
    write_markdown,
)
from flashmail.briefs.decoding import decode

HEAD = "---\ntitle: Talks Open\ndate: 2024-04-23\n---\n"

#: What is hard to keep: for YAML, for Markdown, for names, for eyes.
HOSTILE = [
    *("no", "~", "2024-01-01", ": x", "a: b #c", "'", '"', "{a}", "[b]", "- ", "*a"),
    *("&a", "!a", "%a", "@a", "`", "|", ">", "|-", "<<", "=", "?", "---", "..."),
    *("# a", "#", "\\# a", "\\\\# a", "\\", "\\a", "> a", "- a", "-  a", "-", "--"),
    *("* a", "+ a", "• a", "•a", "– a", "— a", "—a", "-- a", "1. a", "1\\. a", "12) a"),
    *("***", "___", "===", "## a {.latest}", "{.other}", "a {.background}", "<b>&amp;"),
    *("a, b", "a, Jr.", "Jr.", "PhD, b", "a — b", "a - b", "a | b", "a; b", "A and B"),
    *("“a”", "a”", '"a', "‘a’", "a” by B", "👩🏽‍⚕️ ok", "گفت‌وگو", "\u202bشلوم\u202c"),
    *("a\u00a0b", "a  b", "Latest Developments", "expert analysis:", "https://a.b/c"),
]


def is_one_clean_line(text: str) -> bool:
    """Say whether a text is one line that decoding leaves as it is."""
    one_line = bool(text) and text == text.strip() and "\n" not in text
    return one_line and decode(f"a {text}") == (f"a {text}", ())


LINES = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.sampled_from("ab \\#>-—*.,;|1'\"“”:{}[]"), min_size=1, max_size=12),
    st.text(min_size=1, max_size=20),
    st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=3).map(" ".join),
).filter(is_one_clean_line)
OPTIONAL = st.one_of(st.just(""), LINES)


def tuples(of: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(of, max_size=3, unique=True).map(tuple)


def several(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=3).map(tuple)


QUOTES = st.builds(
    Quote,
    st.lists(LINES, min_size=1, max_size=2).map("\n\n".join),
    OPTIONAL,
    OPTIONAL,
)
BRIEFS = st.builds(
    Brief,
    title=LINES,
    date=st.dates(),
    embargo=st.none() | st.datetimes(timezones=st.just(UTC)),
    sections=several(
        st.builds(Section, OPTIONAL, st.sampled_from(SectionKind), tuples(LINES))
    ),
    quotes=several(QUOTES),
    related=several(st.builds(Related, LINES, tuples(LINES), OPTIONAL)),
    topics=tuples(LINES),
)


@settings(deadline=None, max_examples=examples(300))
@given(BRIEFS)
def test_any_brief_is_read_as_it_was_written(brief: Brief) -> None:
    again = read(write_markdown(brief))

    assert without_doubts(again) == brief


def without_doubts(brief: Brief) -> Brief:
    return replace(brief, doubts=())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_kept_wherever_it_stands(text: str) -> None:
    text = text.strip()
    brief = Brief(
        title=text,
        date=date(2024, 4, 23),
        sections=tuple(Section(text, kind, (text, text)) for kind in SectionKind),
        quotes=(Quote(text, text, text), Quote(f"{text}\n\n{text}", "", text)),
        related=(Related(text, (text, text), text),),
        topics=(text,),
    )

    assert without_doubts(read(write_markdown(brief))) == brief


def test_it_is_written_for_people() -> None:
    brief = Brief(
        title="Talks Open",
        date=date(2024, 4, 23),
        sections=(
            Section("Latest Developments", SectionKind.LATEST, ("- a", "- b", "c")),
            Section("Expert Analysis", SectionKind.ANALYSIS),
            Section("Dates", SectionKind.OTHER, ("# 1",)),
        ),
        quotes=(Quote("It is\n\nearly.", "Jo Roe", "Dean"),),
        topics=("Iran",),
    )

    assert write_markdown(brief) == (
        "---\ntitle: Talks Open\ndate: 2024-04-23\ntopics:\n- Iran\n---\n"
        "\n## Latest Developments\n\n- a\n- b\n\nc\n"
        "\n## Expert Analysis\n\n> It is\n>\n> early.\n>\n> — Jo Roe, Dean\n"
        "\n## Dates {.other}\n\n\\# 1\n"
    )


def test_lines_of_a_paragraph_are_joined_and_rules_are_not_text() -> None:
    brief = read(f"{HEAD}# News\nOne\nparagraph.\n\n---\n* An\n  item\n1. Another\n")

    assert brief.sections == (
        Section(
            "News",
            SectionKind.BACKGROUND,
            ("One paragraph.", "- An item", "- Another"),
        ),
    )


@pytest.mark.parametrize(
    "quote",
    [
        "> It is early.\n>\n> — Jo Roe, Dean",
        "> It is\n> early.\n> — Jo Roe, Dean",
        ">It is early.\n>-- Jo Roe, Dean",
        "> It is early.\n> - Jo Roe, Dean",
        "> It is early.\n>\n> — Jo Roe | Dean",
    ],
)
def test_a_blockquote_is_closed_by_a_name(quote: str) -> None:
    brief = read(f"{HEAD}\n## Expert Analysis\n\n{quote}\n\n{quote}\n")

    assert brief.quotes == (Quote("It is early.", "Jo Roe", "Dean"),) * 2
    assert brief.doubts == ()


def test_one_blockquote_may_hold_several_people() -> None:
    brief = read(f"{HEAD}> No.\n> — Jo Roe\n>\n> Yes.\n> — Al Poe, Dean\n")

    assert brief.quotes == (Quote("No.", "Jo Roe"), Quote("Yes.", "Al Poe", "Dean"))


@pytest.mark.parametrize(
    ("text", "line", "doubt"),
    [
        (f"{HEAD}\nText.\n", 6, "no heading above this"),
        (f"{HEAD}\n> No.\n", 6, "a quote without a name"),
        (f"{HEAD}\n> No.\n> — Jo Roe and Al Poe\n", 7, "is kept as one name"),
        ("---\ntitle: T\ndate: 4/5/2024\n---\n", 3, "the month first"),
        ("---\ntitle: T\ndate: 2024-04-05\nby: Jo\n---\n", 4, "left out: 'Jo'"),
        (
            "---\ntitle: T\ndate: 2024-04-05\ntopics:\n- X\n- Iran\n---\n",
            5,
            "topic: 'X'",
        ),
        ('---\ndate: 2024-04-05\ntitle: "a\\x01|b"\n---\n', 3, "U+0001"),
        (
            "---\ntitle: T\ndate: 2024-04-05\nrelated:\n- title: A\n  in: B\n---\n",
            6,
            "'B'",
        ),
    ],
)
def test_what_an_editor_should_look_at_is_said(
    text: str, line: int, doubt: str
) -> None:
    [found] = read(text, topics=["Iran"]).doubts

    assert found.line == line
    assert doubt in found.message


def test_marks_of_a_message_never_come_in_by_escapes() -> None:
    brief = read('---\ntitle: "a\\x01b\\x02"\ndate: 2024-04-05\n---\n')

    assert brief.title == "ab"


def test_front_matter_may_be_written_shortly() -> None:
    brief = read(
        "---\ntitle: no\ndate: April 23, 2024\ntopics: iran, Mars\n"
        "related:\n- “A Front,” by Jo Roe\n- A Gate\n"
        "- {title: B, author: Al Poe}\n---\n",
        topics=["Iran"],
    )

    assert (brief.title, brief.date) == ("no", date(2024, 4, 23))
    assert brief.topics == ("Iran", "Mars")
    assert brief.related == (
        Related("A Front", ("Jo Roe",)),
        Related("A Gate"),
        Related("B", ("Al Poe",)),
    )


@example("ab")
@given(st.text(max_size=60))
@settings(deadline=None)
def test_no_character_that_mails_cannot_hold_gets_in(text: str) -> None:
    brief = read(f"{HEAD}## {text}\n{text}\n> {text}\n")

    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in words(brief))


def words(brief: Brief) -> str:
    told = [section.heading + "".join(section.paragraphs) for section in brief.sections]
    quoted = [quote.text.replace("\n", "") + quote.person for quote in brief.quotes]
    return "".join([*told, *quoted]).replace("\t", "")
