"""Nothing is lost: every word of a text is in the brief, or in a doubt."""

import re
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flashmail
from examples import examples
from flashmail.briefs import Brief, BriefError, read, write_markdown
from flashmail.briefs.decoding import decode
from flashmail.briefs.lines import tidy

TOPICS = ["Iran", "Iran Politics and Economy", "Pakistan"]
EXAMPLE = (Path(flashmail.__file__).parent / "demo" / "brief.txt").read_text("utf-8")
HEAD = "April 23, 2024 | Flash Brief\nTalks Open\n"

LABELS = (
    "flash brief fdd by and related reading analysis topics tags issues topic tag "
    "issue published updated date on keywords category categories filed under "
    "articles content further read more readings posted keyword briefs mar marc"
)

#: Words that are said by the place where something stands in a brief.
PLACES = set(LABELS.split())

#: Shapes of lines; each ~ becomes a word that stands nowhere else.
SHAPES = [
    *("Latest Developments", "Expert Analysis", "EXPERT ANALYSIS:", "Background"),
    *("~ Related", "Related Reading", "Topics:", "Topics: Iran, ~, Pakistan"),
    *("Iran ~ Pakistan", "Iran Iran Politics and Economy", "~ ~", "Iran, ~"),
    *("~ ~ ~.", "~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~.", "~ ~ ~?", "~ ~:", "# ~ ~", "**~**"),
    *("“~ ~.” — ~ ~, ~", "“~ ~.”", "“~ ~.", "~ ~.” — ~ ~, ~", "“~,” he ~, “~.”"),
    *("— ~ ~, ~ ~", "- ~ ~, ~", "~ ~, ~ ~", "— ~; ~", "“~.” — ~, ~; ~, ~", "—"),
    *("“~” by ~ ~", "~ ~,” by ~ and ~", "~ by ~, Jr. & ~", "“~ ~”", "“~” by lower."),
    *("[~ ~](https://~.example/~) by ~", "~ https://~.example", "“”", "“", "”” by ~"),
    *("- ~", "• ~ ~.", "1. ~ ~", "•~", "-", "* ~", "- “~.” — ~ ~", "- - ~", "~" * 3),
    *("May 1, 2024", "May 2, 2024 | ~", "~ | May 1, 2024", "Talks Open", "TALKS OPEN!"),
    *("Latest Developments: ~ ~.", "Expert Analysis — “~.” — ~ ~, ~", "--- ~", "\\~"),
]


def filled(shapes: list[str]) -> str:
    words = (f"Word{number}" for number in count())
    return re.sub("~", lambda _: f"{next(words)}", "\n".join(shapes))


def said(brief: Brief) -> set[str]:
    told = [brief.title, brief.date.strftime("%B %d %Y %-d"), *brief.topics]
    for section in brief.sections:
        told += [section.heading, *section.paragraphs]
    for quote in brief.quotes:
        told += [quote.text, quote.person, quote.role]
    for related in brief.related:
        told += [related.title, *related.authors, related.url]
    told += [doubt.message for doubt in brief.doubts]
    return words(" ".join(told))


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def check_nothing_is_lost(text: str) -> None:
    try:
        brief = read(text, topics=TOPICS)
    except BriefError:
        return
    lines = [tidy(line) for line in decode(text)[0].split("\n")]
    asked = words("\n".join(re.sub(r"^\d{1,2}[.)] ", "", line) for line in lines))

    assert asked - said(brief) <= PLACES
    again = read(write_markdown(brief), topics=TOPICS)
    assert replace(again, doubts=()) == replace(brief, doubts=())


@settings(deadline=None, max_examples=examples(400))
@given(st.lists(st.sampled_from(["", "", *SHAPES]), max_size=16))
def test_no_word_is_lost_in_whatever_order_things_come(shapes: list[str]) -> None:
    check_nothing_is_lost(HEAD + filled(shapes))


@settings(deadline=None, max_examples=examples(100))
@given(st.lists(st.text(max_size=30), max_size=8), st.sampled_from("\n\r\u2028\x0b"))
def test_no_word_of_anything_is_lost(lines: list[str], newline: str) -> None:
    check_nothing_is_lost(HEAD + newline.join(lines))


@settings(deadline=None, max_examples=examples(100))
@given(st.lists(st.integers(0, len(EXAMPLE) - 1), max_size=4), st.text(max_size=3))
def test_no_word_is_lost_when_a_brief_is_damaged(places: list[int], by: str) -> None:
    text = EXAMPLE
    for place in places:
        text = text[:place] + by + text[place + 1 :]
    check_nothing_is_lost(text)


@settings(deadline=None, max_examples=examples(100))
@given(st.lists(st.sampled_from(EXAMPLE.split("\n")), max_size=25))
def test_no_word_is_lost_when_lines_are_shuffled(lines: list[str]) -> None:
    check_nothing_is_lost("\n".join(lines))


@pytest.mark.parametrize(
    "pattern",
    [
        *("“", "“a” — ", "— ", "” by A ", "[a](", "https://a ", "A, ", "a | ", "Ã"),
        *(
            "Ãƒ",
            "â€",
            "Iran ",
            "Iran, ",
            "a. — B, ",
            "\\",
            "1. ",
            "> ",
            "## ",
            "(",
            "-",
        ),
        *(
            "\n",
            "“a\n",
            "“a”\n",
            "- a\n",
            "A B\n",
            "— A\n",
            "x" * 79 + "\n",
            "\x00a b ",
        ),
    ],
)
@pytest.mark.parametrize(
    "head", [HEAD + "Expert Analysis\n", "---\ntitle: T\ndate: 2024-04-23\n---\n"]
)
def test_a_hostile_brief_is_read_like_any_other(head: str, pattern: str) -> None:
    body = (pattern * (50_000 // len(pattern)))[:50_000]

    assert read(head + body + "\nend", topics=TOPICS).title
