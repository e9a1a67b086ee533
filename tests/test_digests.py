"""Digests: what is owed comes once, in one mail, and never an empty one.

Those with a number were bugs of alert services that others run.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import col, delete, select

from conftest import _empty as empty
from flashmail.briefs import Brief
from flashmail.campaigns.content import CampaignContent
from flashmail.database import reading, transaction
from flashmail.digests.composing import DigestContent, TopicSection, digest_of
from flashmail.digests.runner import start_due_digests
from flashmail.errors import WrongInput
from flashmail.home import packaged
from flashmail.model import (
    CampaignStatus,
    DigestItemState,
    DropReason,
    Edition,
    EditionStatus,
    Frequency,
    Subscription,
)
from flashmail.rendering import Renderer, Site
from office import LINKS, SENDER, Office, Post
from planning import GRACE, at, look, mails, make, owed, reads, schedule, tell

BEGUN, MISSED = EditionStatus.BEGUN, EditionStatus.MISSED
INSTANT, DAILY, WEEKLY, URGENT = Frequency


def at_seven(office: Office) -> None:
    """Let it become seven the next morning; nobody has looked at the clock yet."""
    office.now = office.now.replace(hour=7) + timedelta(days=1)


def editions(office: Office) -> list[EditionStatus]:
    """Return what became of the moments that have come."""
    with reading(office.engine) as session:
        rows = session.exec(select(Edition).order_by(col(Edition.at))).all()
        return [row.status for row in rows if row.at <= office.now]


def test_a_digest_tells_daily_readers_what_was_sent(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    reads(office, "Bart", DAILY)
    schedule(office, "Iran")
    tell(office, "Storm")
    tell(office, "Calm")

    at(office, 7, days=1)

    assert office.post.addresses == ["anne@example.org"] * 2 + ["bart@example.org"]
    assert office.post.subjects[-1] == "Storm + Calm"


def test_nothing_comes_twice(office: Office) -> None:
    reads(office, "Bart", DAILY)
    schedule(office, "Iran")
    tell(office, "Storm")
    at(office, 7, days=1)
    tell(office, "Calm")
    at(office, 7, days=1)

    assert office.post.subjects == ["Storm", "Calm"]


def test_a_digest_is_never_empty(office: Office) -> None:
    reads(office, "Bart", DAILY)
    schedule(office, "Iran")

    at_seven(office)

    assert look(office) == []
    assert editions(office) == []


def test_what_is_about_other_topics_is_left_out(office: Office) -> None:
    reads(office, "Bart", DAILY)
    schedule(office, "Iran")
    tell(office, "Storm", "Pakistan")

    at(office, 7, days=1)

    assert office.post.subjects == []


def test_many_schedulers_are_one(office: Office) -> None:
    reads(office, "Bart", DAILY)
    schedule(office, "Iran")
    tell(office, "Storm")
    at_seven(office)

    for _ in range(3):
        look(office)

    assert office.post.subjects == ["Storm"]
    assert editions(office) == [BEGUN]


def test_a_time_that_went_by_is_missed_and_its_briefs_come_later(
    office: Office,
) -> None:
    reads(office, "Bart", DAILY)
    schedule(office, "Iran")
    tell(office, "Storm")

    at_seven(office)
    office.later(hours=4)
    look(office)
    assert (office.post.subjects, editions(office)) == ([], [MISSED])

    at(office, 7, days=1)
    assert (office.post.subjects, editions(office)) == (["Storm"], [MISSED, BEGUN])


def test_a_clock_that_jumps_back_repeats_nothing(office: Office) -> None:
    reads(office, "Bart", DAILY)
    schedule(office, "Iran")
    tell(office, "Storm")
    at(office, 7, days=1)

    office.later(days=-1)
    look(office)
    at(office, 7, days=1)

    assert office.post.subjects == ["Storm"]


def test_a_digest_is_approved_by_who_set_it_up(office: Office) -> None:
    reads(office, "Bart", DAILY)
    schedule(office, "Iran")
    tell(office, "Storm")
    at_seven(office)

    [digest] = look(office)

    assert office.campaign(digest).approved_by == "Edna (schedule Morning)"
    assert office.status(digest) is CampaignStatus.SENT


def test_a_digest_that_cannot_be_made_stops_nothing_else(office: Office) -> None:
    def broken(*_: object) -> CampaignContent:
        raise WrongInput("the template is broken")

    reads(office, "Bart", DAILY)
    schedule(office, "Iran")
    tell(office, "Storm")
    at_seven(office)

    assert (
        start_due_digests(office.engine, broken, missed_after=GRACE, now=office.now)
        == []
    )
    assert editions(office) == [MISSED]


def test_395_digest_readers_get_no_mail_at_once(office: Office) -> None:
    reads(office, "Bart", DAILY)

    tell(office, "Storm")

    assert mails(office) == []


def test_494_a_digest_says_how_often_it_comes(office: Office) -> None:
    renderer = Renderer(
        [packaged("templates")],
        Site("Flash Briefs", "1 Main Street", "https://mail.example.org"),
    )
    path = "/archive/1/storm"
    group = TopicSection("Iran", (Brief("Storm", date(2026, 3, 2)),), (path,))
    for frequency, said in ((DAILY, "Daily digest"), (WEEKLY, "Weekly digest")):
        what = digest_of(
            DigestContent("digest", frequency, "Monday, March 2", (group,), "Edna"),
            renderer=renderer,
            sender=SENDER,
            links=LINKS,
        )
        assert said in what.message.html
        assert said in what.message.text
        assert f"{LINKS.base_url}{path}" in what.destinations


def test_493_what_was_unfollowed_meanwhile_is_left_out(office: Office) -> None:
    office.topic("Pakistan")
    bart = reads(office, "Bart", DAILY, "Iran", "Pakistan")
    storm = tell(office, "Storm", "Iran")
    tell(office, "Flood", "Pakistan")
    with transaction(office.engine) as session:
        session.execute(
            delete(Subscription).where(
                col(Subscription.topic_id) == office.topic("Iran")
            )
        )

    at(office, 7, days=1)

    assert mails(office) == [("bart", "Flood")]
    assert owed(office, storm, bart).reason is DropReason.UNFOLLOWED


def test_566_who_has_nothing_left_gets_no_blank_digest(office: Office) -> None:
    reads(office, "Bart", DAILY)
    reads(office, "Carl", DAILY)
    tell(office, "Storm")
    office.suppress("Bart")
    office.suppress("Carl")

    at(office, 7, days=1)

    assert mails(office) == []
    assert editions(office) == [EditionStatus.EMPTY]


def test_1611_a_brief_changed_twice_is_in_the_next_digest_once(office: Office) -> None:
    bart = reads(office, "Bart", DAILY)
    first = tell(office, "Storm")
    at(office, 7, days=1)
    second = tell(office, "Storm, corrected", corrects=first)
    third = tell(office, "Storm, corrected again", corrects=second)

    at(office, 7, days=1)

    assert mails(office) == [("bart", "Storm"), ("bart", "Storm, corrected again")]
    assert owed(office, second, bart).reason is DropReason.REPLACED
    assert owed(office, third, bart).state is DigestItemState.BUNDLED


def test_1524_one_mail_per_person_not_one_per_subscription(office: Office) -> None:
    bart = reads(office, "Bart", DAILY, "Iran", "Pakistan")
    with transaction(office.engine) as session:
        key = (bart, office.topic("Pakistan"))
        session.get_one(Subscription, key).frequency = WEEKLY
    tell(office, "Flood", "Pakistan")  # on a Monday, so a week passes
    for _ in range(6):
        at(office, 7, days=1)
    tell(office, "Storm", "Iran")

    at(office, 7, days=1)

    assert mails(office) == [("bart", "Storm + Flood")]


def test_614_a_brief_that_two_follows_bring_comes_once(office: Office) -> None:
    office.topic("Iran")
    office.topic("Economy", "Iran")
    reads(office, "Bart", DAILY, "Iran", "Economy", "Pakistan")

    tell(office, "Oil", "Economy", "Pakistan")
    at(office, 7, days=1)

    assert mails(office) == [("bart", "Oil")]


def test_300_the_same_alert_does_not_come_day_after_day(office: Office) -> None:
    reads(office, "Bart", DAILY)
    tell(office, "Storm")

    for _ in range(5):
        at(office, 7, days=1)

    assert mails(office) == [("bart", "Storm")]


def test_readers_of_the_same_briefs_share_a_campaign(office: Office) -> None:
    for name in ("Bart", "Carl", "Dora"):
        reads(office, name, DAILY)
    reads(office, "Emma", DAILY, "Iran", "Pakistan")
    tell(office, "Storm", "Iran")
    tell(office, "Flood", "Pakistan")
    at_seven(office)

    assert len(look(office)) == 2
    assert sorted(mails(office)) == [
        ("bart", "Storm"),
        ("carl", "Storm"),
        ("dora", "Storm"),
        ("emma", "Storm + Flood"),
    ]


def test_a_digest_is_grouped_by_the_topics_that_the_reader_follows(
    office: Office,
) -> None:
    seen: list[DigestContent] = []

    def notice(digest: DigestContent) -> CampaignContent:
        seen.append(digest)
        return make(digest)

    office.topic("Iran")
    office.topic("Economy", "Iran")
    reads(office, "Bart", DAILY, "Iran", "Pakistan")
    tell(office, "Flood", "Pakistan")
    tell(office, "Oil", "Economy")
    tell(office, "Storm", "Iran")
    at_seven(office)
    start_due_digests(office.engine, notice, missed_after=GRACE, now=office.now)

    [digest] = seen
    groups = [(each.topic, [b.title for b in each.briefs]) for each in digest.groups]
    assert groups == [("Iran", ["Oil", "Storm"]), ("Pakistan", ["Flood"])]


@pytest.mark.slow
def test_schedulers_at_the_same_moment_are_one(postgresql: Engine) -> None:
    empty(postgresql)
    office = Office(postgresql, Post(batch_size=50))
    for n in range(40):
        topics = ("Iran", "Pakistan") if n % 2 else ("Iran",)
        reads(office, f"Reader{n}", DAILY, *topics)
    tell(office, "Storm", "Iran")
    tell(office, "Flood", "Pakistan")
    at_seven(office)

    def schedule_once(_: int) -> list[int]:
        return start_due_digests(
            office.engine, make, missed_after=GRACE, now=office.now
        )

    with ThreadPoolExecutor(6) as schedulers:
        begun = [n for each in schedulers.map(schedule_once, range(6)) for n in each]
    office.send_all()

    assert len(begun) == len(set(begun))
    got = mails(office)
    assert len(got) == 40
    assert len({name for name, _ in got}) == 40
    assert {subject for _, subject in got} == {"Storm", "Storm + Flood"}
