"""Attributes: a name that nobody has is a slip, in a template as in a segment."""

import pytest
from sqlmodel import select

from flashmail.audience import condition_sql
from flashmail.audience.condition import parse_condition
from flashmail.audience.segment import Segment
from flashmail.database import reading, transaction
from flashmail.findings import Finding
from flashmail.message import mark
from flashmail.model import Campaign
from flashmail.review.preflight import preflight
from office import PAGE, Office


@pytest.fixture
def people(office: Office) -> Office:
    office.subscribe("Anne", "Iran", attributes={"desk": "Gulf", 'it\'s "odd"': "x"})
    office.subscribe("Boris", "Iran", attributes={"desk": "", "country": "PK"})
    office.subscribe("Chloe", "Iran")
    return office


def test_the_names_in_use_are_known(people: Office) -> None:
    with reading(people.engine) as session:
        assert condition_sql.names(session) == ["country", "desk", 'it\'s "odd"']


def test_a_name_that_nobody_has_is_told_from_others(people: Office) -> None:
    asked = ["desk", "dsk", 'it\'s "odd"', "' OR 1=1", '$."desk"']

    with reading(people.engine) as session:
        found = condition_sql.unknown(session, asked)

    assert found == {"dsk", "' OR 1=1", '$."desk"'}


@pytest.mark.parametrize(
    ("where", "asked"),
    [
        ('language = "en"', set()),
        (
            'desk = "Gulf" and (not country in ("PK") or domain = "x.org")',
            {"desk", "country"},
        ),
    ],
)
def test_a_condition_says_what_it_asks_for(where: str, asked: set[str]) -> None:
    assert condition_sql.asked_by(parse_condition(where)) == asked
    assert condition_sql.asked_by(None) == frozenset()


def found(office: Office, number: int) -> list[Finding]:
    with reading(office.engine) as session:
        every = preflight(session, number, now=office.now)
    return [each for each in every if each.code == "attribute"]


@pytest.mark.parametrize(("name", "told"), [("desk", 0), ("dsk", 1)])
def test_a_template_that_shows_what_nobody_has_is_blocked(
    people: Office, name: str, told: int
) -> None:
    shown = mark(f"attribute:{name}", "all desks")

    findings = found(people, people.draft(page=PAGE + shown))

    assert len(findings) == told
    assert all(each.blocks and "'dsk'" in each.message for each in findings)


@pytest.mark.parametrize(("name", "told"), [("desk", 0), ("dsk", 1)])
def test_a_segment_that_goes_by_what_nobody_has_is_blocked(
    people: Office, name: str, told: int
) -> None:
    people.draft()
    segment = Segment(any=("Iran",), where=f'{name} != "Gulf"')
    with transaction(people.engine) as session:
        session.exec(select(Campaign)).one().audience = segment.as_json()

    findings = found(people, 1)

    assert len(findings) == told
    assert all(each.where == "segment" and "'dsk'" in each.message for each in findings)
