"""Segments: what the file may say, and whom that means."""

from pathlib import Path

import pytest

from flashmail.audience.condition import BadCondition, matches, parse_condition
from flashmail.audience.segment import Segment, parse_segments
from flashmail.audience.topics import parse_topics
from flashmail.errors import WrongInput

FOLDER = Path(__file__).parents[1] / "subscribers"

ANNE = {
    "name": "Anne Brontë",
    "language": "en",
    "organisation": "The New York Times",
    "country": "PK",
    "joined": "2025-03-01",
}


@pytest.mark.parametrize(
    ("segment", "topics", "meant"),
    [
        (Segment(any=("Iran",)), {"Iran", "Oil"}, True),
        (Segment(any=("Iran", "Oil")), {"Oil"}, True),
        (Segment(any=("Iran",)), {"Oil"}, False),
        (Segment(all=("Iran", "Oil")), {"Iran"}, False),
        (Segment(all=("Iran", "Oil")), {"Iran", "Oil"}, True),
        (Segment(any=("Iran",), none=("Oil",)), {"Iran", "Oil"}, False),
        (Segment(none=("Oil",)), {"Iran"}, True),
        (Segment(any=("Iran",), where='country = "PK"'), {"Iran"}, True),
        (Segment(any=("Iran",), where='country = "IR"'), {"Iran"}, False),
    ],
)
def test_a_segment_includes(segment: Segment, topics: set[str], meant: bool) -> None:
    assert segment.includes(topics, ANNE) is meant


def test_a_segment_that_says_nothing_means_nobody() -> None:
    assert not Segment().includes({"Iran"}, ANNE)


@pytest.mark.parametrize(
    ("where", "met"),
    [
        ('country = "PK"', True),
        ("country = 'pk'", True),
        ('country != "PK"', False),
        ('COUNTRY IN ("IR", "PK")', True),
        ('country not in ("IR", "PK")', False),
        ('organisation contains "york"', True),
        ('organisation not contains "york"', False),
        ('name contains "BRONTË"', False),  # only A to Z have no case
        ('joined < "2025-01-01"', False),
        ('not joined < "2025-01-01"', True),
        ('joined >= "2025-03-01" and joined <= "2025-03-01"', True),
        ('shoe_size = ""', True),
        ('country = "IR" or language = "en" and country = "PK"', True),
        ('(country = "IR" or language = "en") and country = "IR"', False),
        ('not (country = "IR" or country = "PK")', False),
        ('not not country = "PK"', True),
    ],
)
def test_a_condition_holds(where: str, met: bool) -> None:
    assert matches(parse_condition(where), ANNE) is met


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("country = 5", "character 11: put numbers in quotes"),
        ('country == "PK"', "character 10: expected a text in quotes"),
        ('country = "PK', "character 11: the text .* never ends"),
        ('country ~ "PK"', "character 9: '~' means nothing"),
        ('(country = "PK"', r"character 16: expected '\)', found the end"),
        ('country = "PK" language = "en"', "expected 'and', 'or' or the end"),
        ('country in "PK"', r"expected '\('"),
        ('country in ("PK" "IR")', r"expected ',' or '\)'"),
        ('"PK" = country', "character 2: expected an attribute"),
        ("country", "found the end"),
        ('status = "active"', "only active subscribers get mail"),
        ('address = "anne@example.org"', "ask for the domain"),
        ('country = "x"; DROP TABLE subscriber', "';' means nothing"),
        ('country = "\'" or 1=1 --', "put numbers in quotes"),
        ("(" * 1000, "too many brackets"),
        ("not " * 900 + 'a = "b"', "too many brackets"),
        ('a = "b" or ' * 1000 + 'a = "b"', "at most 4,000 characters"),
        ('a = "\0"', "no text"),
    ],
)
def test_a_mistake_in_a_condition_is_pointed_at(where: str, problem: str) -> None:
    with pytest.raises(BadCondition, match=problem):
        Segment(where=where)


def test_a_segment_survives_its_json() -> None:
    segment = Segment("Press", ("Iran",), ("Oil",), ("Pakistan",), 'country = "PK"')

    assert Segment.from_json(segment.as_json()) == segment


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[segment]]\nname='x'\nany='Iran'", r"segment 'x': any is a list of names"),
        ("[[segment]]\nname='x'\nsome=['Iran']", "'some' means nothing"),
        ("[[segment]]\nname='x'", "segment 'x': it says nothing"),
        ("[[segment]]\nname='x'\nwhere='a = 5'", "segment 'x': where, character 5"),
        ("[[segment]]\nname='x'\nwhere=5", "where is a text"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, problem: str) -> None:
    with pytest.raises(WrongInput, match=problem):
        parse_segments(text)


def test_the_projects_own_segments_name_topics_that_there_are() -> None:
    topics = {t.name for t in parse_topics((FOLDER / "topics.toml").read_text())}
    segments = parse_segments((FOLDER / "segments.toml").read_text())

    named = {t for each in segments for t in each.any + each.all + each.none}

    assert named <= topics
    assert any(segment.where for segment in segments)
