"""Lists: a page at a time, there and back, whatever stands in the address."""

import pytest
from sqlmodel import col, select

from flashmail.database import reading
from flashmail.model import Subscriber
from flashmail.web.lists import ListPage, SortOrder, listed
from office import Office

NAMES = ("Anne", "Boris", "Chloe", "Dora", "Emil")


@pytest.fixture
def people(office: Office) -> Office:
    for name in NAMES:
        office.subscribe(name)
    return office


def names(
    people: Office, cursor: str = "", *, descending: bool = False
) -> tuple[list[str], ListPage[Subscriber]]:
    with reading(people.engine) as session:
        found = listed(
            session,
            select(Subscriber),
            SortOrder(col(Subscriber.name), col(Subscriber.id), descending),
            cursor,
            place=lambda each: (each.name, each.id),
            size=2,
        )
    return [each.name for each in found.rows], found


@pytest.mark.parametrize("descending", [False, True])
def test_a_list_is_walked_there_and_back(people: Office, descending: bool) -> None:
    expected = sorted(NAMES, reverse=descending)
    there, cursor = [], ""
    while True:
        rows, found = names(people, cursor, descending=descending)
        there += rows
        if not found.after:
            break
        cursor = found.after
    back = rows
    while found.before:
        rows, found = names(people, found.before, descending=descending)
        back = rows + back

    assert there == expected
    assert back == expected
    assert found.after


def test_those_with_the_same_name_are_all_there(office: Office) -> None:
    for number in range(5):
        office.subscribe(f"anne{number}")
        with office.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE subscriber SET name = 'Anne'")

    _, first = names(office)
    _, second = names(office, first.after)
    _, third = names(office, second.after)

    ids = [each.id for page in (first, second, third) for each in page.rows]
    assert ids == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "cursor",
    ["x", "WyJhIl0", "WyJhIiwgMSwgMV0", "' OR 1=1", "é", "WyJhIiwgbnVsbCwgMV0"],
)
def test_a_broken_cursor_leads_to_the_first_page(people: Office, cursor: str) -> None:
    rows, found = names(people, cursor)

    assert rows == ["Anne", "Boris"]
    assert not found.before


def test_an_empty_list_has_no_neighbours(office: Office) -> None:
    assert names(office) == ([], ListPage([]))
