"""Who reads digests, and is meant by none of them, is not forgotten in silence."""

import pytest
from fastapi.testclient import TestClient

from flashmail import bootstrap
from flashmail.audience.segment import Segment
from flashmail.campaigns import lifecycle
from flashmail.database import reading, transaction
from flashmail.digests.schedules import is_covered
from flashmail.model import Frequency, Schedule, Timing
from flashmail.reports.subscriber import fate, unscheduled
from flashmail.settings import load
from office import NOON, Office
from planning import at, mails, reads, schedule, tell
from shell import Home

DAILY = Frequency.DAILY
SAYS = "owed briefs that no schedule will bring"


@pytest.fixture
def limited(office: Office) -> Office:
    """The only digest is for those who follow Pakistan; Anne follows Iran alone."""
    schedule(office, "Pakistan")
    reads(office, "Anne", DAILY, "Iran")
    reads(office, "Bart", DAILY, "Iran", "Pakistan")
    return office


def waiting(office: Office) -> int:
    with reading(office.engine) as session:
        return unscheduled(session)


def test_the_overview_says_how_many_wait_for_nothing(
    client: TestClient, limited: Office
) -> None:
    assert SAYS not in client.get("/").text

    tell(limited, "Storm", "Iran")
    at(limited, 7, days=1)

    assert mails(limited) == []
    assert f"2 readers are {SAYS}" in client.get("/").text
    assert f"2 readers are {SAYS}" in client.get("/overview/live").text


def test_why_says_that_nothing_brings_it(limited: Office) -> None:
    storm = tell(limited, "Storm", "Iran")

    with reading(limited.engine) as session:
        campaign = lifecycle.get_campaign(session, storm)
        told = fate(session, campaign, "anne@example.org")
    assert told["reason"] == "waits for the daily digest, but no schedule brings it"


def test_a_new_schedule_lets_them_go(limited: Office) -> None:
    tell(limited, "Storm", "Iran")
    assert waiting(limited) == 2

    schedule(limited, "Iran", name="Iran", at="08:00")
    at(limited, 7, days=1)
    assert waiting(limited) == 0
    at(limited, 8)

    assert sorted(mails(limited)) == [("anne", "Storm"), ("bart", "Storm")]


@pytest.mark.parametrize(
    ("address", "path", "topic", "brought"),
    [
        ("bart@example.org", Timing.DAILY, "Pakistan", True),
        ("Bart@Example.org", Timing.DAILY, "Iran", False),
        ("anne@example.org", Timing.WEEKLY, "Iran", True),  # our own hours
        ("anne@example.org", Timing.HELD, "Iran", True),
        ("anne@example.org", Timing.CAPPED, "Iran", True),
        ("anne@example.org", None, "Iran", True),
    ],
)
def test_a_digest_is_for_some_readers_and_topics(
    limited: Office, address: str, path: Timing | None, topic: str, brought: bool
) -> None:
    with reading(limited.engine) as session:
        assert is_covered(session, path, address, [topic]) is brought


def test_where_all_schedules_rest_nothing_is_brought(office: Office) -> None:
    schedule(office, "Iran", active=False)
    reads(office, "Anne", DAILY)

    with reading(office.engine) as session:
        assert not is_covered(session, Timing.DAILY, "anne@example.org", ["Iran"])


def test_the_command_line_says_it_too(home: Home) -> None:
    roster = "address,topics\nzoe@example.org,Iran:daily\n"
    home.run("subscribers", "import", home.file("more.csv", roster))
    assert "comes with the next daily digest" in why(home)
    assert "no schedule" not in why(home)

    engine = bootstrap.engine(load(home.folder))
    with transaction(engine) as session:
        session.add(
            Schedule(
                name="Morning",
                days="*",
                at="07:00",
                time_zone="UTC",
                audience=Segment(any=("Iran Politics and Economy",)).as_json(),
                frequency=DAILY,
                approved_by="Edna",
                created_at=NOON,
            )
        )
    engine.dispose()
    assert "but no schedule brings it" in why(home)
    assert "gets them" in home.run("doctor")

    home.run("send", home.brief, "--yes", "--wait")

    assert f"1 reader is {SAYS}" in home.run("doctor")


def why(home: Home) -> str:
    return " ".join(home.run("why", "zoe@example.org", home.brief).split())
