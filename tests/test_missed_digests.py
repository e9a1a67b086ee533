"""A digest that was missed: the overview says so until its briefs have come."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from flashmail.campaigns.content import CampaignContent
from flashmail.database import reading, transaction
from flashmail.digests.runner import start_due_digests
from flashmail.errors import WrongInput
from flashmail.model import Frequency, Schedule
from flashmail.reports.dashboard import MissedDigest, missed
from office import Office
from planning import GRACE, at, look, reads, schedule, tell


def told(office: Office) -> list[MissedDigest]:
    with reading(office.engine) as session:
        return missed(session, now=office.now)


@pytest.fixture
def late(office: Office) -> Office:
    sleep_through(office)
    return office


def sleep_through(office: Office) -> None:
    """Have nobody there at seven to send Bart his digest."""
    reads(office, "Bart", Frequency.DAILY)
    schedule(office, "Iran")
    tell(office, "Storm")
    look(office)
    office.now = office.now.replace(hour=11)
    office.later(days=1)
    look(office)


def test_it_is_told_with_when_its_briefs_come(late: Office) -> None:
    [digest] = told(late)

    assert digest.name == "the digest “Morning”"
    assert (digest.at.hour, digest.times, digest.resting) == (7, 1, "")
    assert digest.next_at
    assert (digest.next_at - digest.at).days == 1


def test_once_they_came_nothing_is_said_any_more(late: Office) -> None:
    at(late, 7, days=1)

    assert late.post.subjects == ["Storm"]
    assert told(late) == []


def test_two_weeks_later_neither(late: Office) -> None:
    late.later(days=15)

    assert told(late) == []


def test_a_digest_that_could_not_be_made_is_told_as_well(office: Office) -> None:
    def broken(*_: object) -> CampaignContent:
        raise WrongInput("the template is broken")

    reads(office, "Bart", Frequency.DAILY)
    tell(office, "Storm")
    look(office)
    office.now = office.now.replace(hour=7)
    office.later(days=1)
    start_due_digests(office.engine, broken, missed_after=GRACE, now=office.now)

    assert [each.name for each in told(office)] == ["the daily digest"]


def test_a_schedule_that_was_stopped_is_named(late: Office) -> None:
    with transaction(late.engine) as session:
        session.exec(select(Schedule)).one().active = False

    assert [each.resting for each in told(late)] == ["Morning"]


def test_the_overview_has_it_among_what_needs_a_person(
    client: TestClient, office: Office
) -> None:
    office.now = datetime.now(UTC) - timedelta(days=3)
    sleep_through(office)
    office.schedule("In Three Days", at=office.now + timedelta(days=5))

    for page in (client.get("/").text, client.get("/overview/live").text):
        assert "Needs a person" in page
        assert page.index("Digest “Morning”") < page.index("In Three Days")
        assert "The digest “Morning”" in page
        assert "its briefs come with the next one" in page
