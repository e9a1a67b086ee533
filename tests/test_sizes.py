"""Sizes: a page that asks to how many a brief would go does not wait for it."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from flashmail.audience.segment import Segment
from flashmail.web.newsroom.previews import GOOD_FOR, AudienceSizeCache
from newsroom import DRAFT, written
from office import NOON, Office

IRAN = Segment(any=("Iran",))


@pytest.fixture
def sizes(office: Office) -> AudienceSizeCache:
    office.subscribe("Anne", "Iran")
    return AudienceSizeCache(office.engine)


def test_it_is_due_until_it_was_counted(sizes: AudienceSizeCache) -> None:
    assert (sizes.known(IRAN), sizes.is_due(IRAN, now=NOON)) == (None, True)

    sizes.count(IRAN, NOON)

    assert (sizes.known(IRAN), sizes.is_due(IRAN, now=NOON)) == (1, False)


def test_what_was_counted_a_while_ago_is_told_and_due_again(
    office: Office, sizes: AudienceSizeCache
) -> None:
    sizes.count(IRAN, NOON)
    office.subscribe("Boris", "Iran")
    later = NOON + GOOD_FOR + timedelta(seconds=1)

    assert (sizes.known(IRAN), sizes.is_due(IRAN, now=later)) == (1, True)
    sizes.count(IRAN, later)
    assert (sizes.known(IRAN), sizes.is_due(IRAN, now=later)) == (2, False)


def test_of_many_the_latest_are_kept(sizes: AudienceSizeCache) -> None:
    for number in range(250):
        sizes.count(Segment(any=("Iran",), where=f'desk = "{number}"'), NOON)

    assert sizes.known(Segment(any=("Iran",), where='desk = "0"')) is None
    assert sizes.known(Segment(any=("Iran",), where='desk = "249"')) == 0


def test_a_topic_that_is_not_there_stops_nothing(sizes: AudienceSizeCache) -> None:
    sizes.count(Segment(any=("Atlantis",)), NOON)

    assert sizes.known(Segment(any=("Atlantis",))) is None


def findings(client: TestClient) -> str:
    return client.get("/briefs/1/findings", headers={"hx-request": "true"}).text


def test_the_page_asks_again_while_people_are_counted(
    client: TestClient, office: Office
) -> None:
    written(office)

    first = findings(client)
    then = findings(client)

    assert "Counting to how many" in first
    assert 'hx-get="/briefs/1/findings"' in first
    assert "nobody would get it" not in first
    assert "Counting to how many" not in then
    assert "nobody would get it" in then


def test_without_a_script_it_is_counted_at_once(
    client: TestClient, office: Office
) -> None:
    written(office)

    page = client.get("/briefs/1/findings").text

    assert "nobody would get it" in page
    assert "Counting" not in page


def test_a_topic_that_nobody_knows_is_said_at_once(
    client: TestClient, office: Office
) -> None:
    written(office, text=DRAFT.replace("- Iran", "- Atlantis"))

    assert "Atlantis" in findings(client)
    assert "Counting" not in findings(client)
