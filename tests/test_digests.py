"""Digests: each time of a schedule happens once, and nothing in it comes twice."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlmodel import select

from flashmail import briefs
from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.database import reading, transaction
from flashmail.errors import WrongInput
from flashmail.message import Message
from flashmail.model import (
    Campaign,
    CampaignStatus,
    Frequency,
    Occurrence,
    OccurrenceStatus,
    Priority,
    Schedule,
    Subscription,
)
from flashmail.sending import campaigns
from flashmail.sending.campaigns import Draft
from flashmail.sending.compose import compose
from flashmail.sending.digests import run_due
from office import LINKS, NOON, SENDER, Office

GRACE = timedelta(minutes=15)
BEGUN, EMPTY, MISSED = (
    OccurrenceStatus.BEGUN,
    OccurrenceStatus.EMPTY,
    OccurrenceStatus.MISSED,
)


def make(schedule: Schedule, content: Sequence[Brief], at: datetime) -> Draft:
    """A digest whose subject names its briefs."""
    segment = Segment.from_json(schedule.audience)
    return compose(
        Message(" + ".join(each.title for each in content), "", LINKS.unsubscribe()),
        (),
        segment=segment,
        topics=segment.bringing,
        template="digest",
        priority=Priority.NORMAL,
        sender=SENDER,
        links=LINKS,
        frequency=schedule.frequency,
    )


def every_morning(office: Office, *topics: str, name: str = "Morning") -> None:
    """Have a daily digest at 07:00 UTC, from now on."""
    for topic in topics:
        office.topic(topic)
    with transaction(office.engine) as session:
        session.add(
            Schedule(
                name=name,
                days="*",
                at="07:00",
                time_zone="UTC",
                audience=Segment(any=topics).as_json(),
                frequency=Frequency.DAILY,
                approved_by="Edna",
                created_at=office.now,
            )
        )


def tell(office: Office, title: str, topic: str = "Iran") -> None:
    """Send a brief now, to those who read at once."""
    text = briefs.write_markdown(Brief(title, date(2026, 3, 2), topics=(topic,)))
    campaign_id = office.draft(title, topic)
    with transaction(office.engine) as session:
        brief_id = campaigns.keep_brief(session, title, "", text, now=office.now)
        session.get_one(Campaign, campaign_id).brief_id = brief_id
    office.approve(campaign_id)
    with transaction(office.engine) as session:
        campaigns.schedule(session, campaign_id, office.now, who="Edna", now=office.now)
    office.send_all()


def look(office: Office) -> list[int]:
    """Let a scheduler look at the clock, and a worker send."""
    begun = run_due(office.engine, make, missed_after=GRACE, now=office.now)
    office.send_all()
    return begun


def at_seven(office: Office, days: int = 1) -> None:
    office.now = NOON.replace(hour=7) + timedelta(days=days)


def occurrences(office: Office) -> list[OccurrenceStatus]:
    with reading(office.engine) as session:
        rows = session.exec(select(Occurrence).order_by(Occurrence.at)).all()  # type: ignore[arg-type]
        return [row.status for row in rows]


def daily(office: Office, name: str, topic: str = "Iran") -> None:
    """Have a reader who wants a digest every day."""
    reader = office.subscribe(name, topic)
    with transaction(office.engine) as session:
        key = (reader, office.topic(topic))
        session.get_one(Subscription, key).frequency = Frequency.DAILY


def test_a_digest_tells_daily_readers_what_was_sent(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    daily(office, "Bart")
    every_morning(office, "Iran")
    tell(office, "Storm")
    tell(office, "Calm")

    at_seven(office)
    look(office)

    assert office.post.addresses == ["anne@example.org"] * 2 + ["bart@example.org"]
    assert office.post.subjects[-1] == "Storm + Calm"


def test_nothing_comes_twice(office: Office) -> None:
    daily(office, "Bart")
    every_morning(office, "Iran")
    tell(office, "Storm")
    at_seven(office)
    look(office)
    tell(office, "Calm")
    at_seven(office, days=2)
    look(office)

    assert office.post.subjects == ["Storm", "Calm"]


def test_a_digest_is_never_empty(office: Office) -> None:
    daily(office, "Bart")
    every_morning(office, "Iran")

    at_seven(office)

    assert look(office) == []
    assert occurrences(office) == [EMPTY]


def test_what_is_about_other_topics_is_left_out(office: Office) -> None:
    daily(office, "Bart")
    every_morning(office, "Iran")
    tell(office, "Storm", "Pakistan")

    at_seven(office)
    look(office)

    assert office.post.subjects == []


def test_many_schedulers_are_one(office: Office) -> None:
    daily(office, "Bart")
    every_morning(office, "Iran")
    tell(office, "Storm")
    at_seven(office)

    for _ in range(3):
        look(office)

    assert office.post.subjects == ["Storm"]
    assert occurrences(office) == [BEGUN]


def test_a_time_that_went_by_is_missed_and_its_briefs_come_later(
    office: Office,
) -> None:
    daily(office, "Bart")
    every_morning(office, "Iran")
    tell(office, "Storm")

    at_seven(office)
    office.later(hours=4)
    look(office)
    assert (office.post.subjects, occurrences(office)) == ([], [MISSED])

    at_seven(office, days=2)
    look(office)
    assert (office.post.subjects, occurrences(office)) == (["Storm"], [MISSED, BEGUN])


def test_a_clock_that_jumps_back_repeats_nothing(office: Office) -> None:
    daily(office, "Bart")
    every_morning(office, "Iran")
    tell(office, "Storm")
    at_seven(office)
    look(office)

    office.later(days=-1)
    look(office)
    at_seven(office)
    look(office)

    assert office.post.subjects == ["Storm"]


def test_a_digest_is_approved_by_who_set_it_up(office: Office) -> None:
    daily(office, "Bart")
    every_morning(office, "Iran")
    tell(office, "Storm")
    at_seven(office)

    [digest] = look(office)

    assert office.campaign(digest).approved_by == "Edna (schedule Morning)"
    assert office.status(digest) is CampaignStatus.SENT


def test_a_digest_that_cannot_be_made_stops_nothing_else(office: Office) -> None:
    def broken(*_: object) -> Draft:
        raise WrongInput("the template is broken")

    daily(office, "Bart")
    every_morning(office, "Iran")
    tell(office, "Storm")
    at_seven(office)

    assert run_due(office.engine, broken, missed_after=GRACE, now=office.now) == []
    assert occurrences(office) == [MISSED]
