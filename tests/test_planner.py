"""The planner: each brief comes to each reader by one path, or says why it does not."""

from datetime import UTC, datetime, timedelta

import pytest

from flashmail.audience.segment import Segment
from flashmail.campaigns import lifecycle
from flashmail.database import reading, transaction
from flashmail.digests.runner import start_due_digests
from flashmail.model import (
    DeliveryState,
    DigestItemState,
    DropReason,
    Frequency,
    Subscription,
    Timing,
)
from flashmail.reports.subscriber import fate
from flashmail.subscribers import explain
from office import NOON, Office
from planning import GRACE, at, look, mails, make, owed, reads, schedule, tell

INSTANT, DAILY, WEEKLY, URGENT = Frequency

NIGHT = datetime(2026, 3, 2, 23, tzinfo=UTC)


def test_who_reads_at_once_is_mailed_and_owed_nothing(office: Office) -> None:
    anne = reads(office, "Anne", INSTANT)

    storm = tell(office, "Storm")

    assert mails(office) == [("anne", "Storm")]
    assert owed(office, storm, anne) is None


def test_digests_come_in_the_morning_where_no_schedule_says_otherwise(
    office: Office,
) -> None:
    reads(office, "Bart", DAILY, time_zone="Asia/Tokyo")
    reads(office, "Carl", DAILY, time_zone="America/New_York")
    tell(office, "Storm")

    at(office, 22)  # 07:00 in Tokyo
    assert mails(office) == [("bart", "Storm")]
    at(office, 12, days=1)  # 07:00 in New York
    assert mails(office)[1:] == [("carl", "Storm")]


def test_a_weekly_digest_waits_for_monday(office: Office) -> None:
    reads(office, "Wilma", WEEKLY)
    tell(office, "Storm")  # on a Monday at noon
    tell(office, "Calm")

    for day in range(1, 7):
        at(office, 7, days=1)
        assert mails(office) == [], day
    at(office, 7, days=1)

    assert mails(office) == [("wilma", "Storm + Calm")]


def test_at_night_a_brief_waits_until_the_quiet_hours_are_over(office: Office) -> None:
    anne = reads(
        office, "Anne", INSTANT, quiet_hours="22:00-07:00", time_zone="Asia/Karachi"
    )
    office.now = NIGHT - timedelta(hours=4)  # midnight in Karachi
    storm = tell(office, "Storm")
    assert (mails(office), owed(office, storm, anne).timing) == ([], Timing.HELD)

    at(office, 2, days=1)  # 07:00 in Karachi

    assert mails(office) == [("anne", "Storm")]
    held = owed(office, storm, anne)
    assert office.campaign(held.digest_campaign_id or 0).content_hash == (
        office.campaign(storm).content_hash
    )


def test_what_came_in_one_night_comes_in_one_mail(office: Office) -> None:
    reads(office, "Anne", INSTANT, quiet_hours="22:00-07:00")
    office.now = NIGHT
    tell(office, "Storm")
    tell(office, "Calm")

    at(office, 7, days=1)

    assert mails(office) == [("anne", "Storm + Calm")]


def test_a_night_in_which_nobody_looked_is_made_up_for_in_the_morning(
    office: Office,
) -> None:
    reads(office, "Anne", INSTANT, quiet_hours="22:00-07:00")
    office.now = NIGHT
    tell(office, "Storm")

    at(office, 10, days=1)

    assert mails(office) == [("anne", "Storm")]


def test_urgent_wakes_only_those_who_let_it(office: Office) -> None:
    reads(office, "Anne", INSTANT, quiet_hours="22:00-07:00", urgent_overrides=True)
    reads(office, "Bart", INSTANT, quiet_hours="22:00-07:00")
    reads(office, "Carl", DAILY, urgent_overrides=True)
    reads(office, "Dora", DAILY)
    reads(office, "Ursula", URGENT)
    reads(office, "Vera", URGENT, quiet_hours="22:00-07:00")
    office.now = NIGHT

    tell(office, "Alarm", urgent=True)

    assert [name for name, _ in mails(office)] == ["anne", "carl", "ursula"]
    at(office, 7, days=1)
    assert sorted(name for name, _ in mails(office)[3:]) == ["bart", "dora", "vera"]


def test_who_wants_urgent_briefs_only_is_owed_no_other(office: Office) -> None:
    ursula = reads(office, "Ursula", URGENT)

    storm = tell(office, "Storm")

    assert owed(office, storm, ursula) is None


def test_what_is_over_the_limit_comes_with_the_next_digest(office: Office) -> None:
    anne = reads(office, "Anne", INSTANT, daily_limit=2)
    for title in ("One", "Two", "Three"):
        last = tell(office, title)
    assert [subject for _, subject in mails(office)] == ["One", "Two"]
    assert owed(office, last, anne).timing is Timing.CAPPED

    at(office, 7, days=1)
    assert mails(office)[2:] == [("anne", "Three")]

    at(office, 13)  # a day after the first ones
    tell(office, "Four")
    assert mails(office)[3:] == [("anne", "Four")]


def test_a_limit_holds_for_urgent_briefs_unless_they_may_pass(office: Office) -> None:
    reads(office, "Anne", INSTANT, daily_limit=0)
    reads(office, "Bart", INSTANT, daily_limit=0, urgent_overrides=True)

    tell(office, "Alarm", urgent=True)

    assert mails(office) == [("bart", "Alarm")]


def test_who_rests_is_told_nothing_not_even_urgent_things(office: Office) -> None:
    rest = {"paused_until": NOON + timedelta(days=3), "urgent_overrides": True}
    anne = reads(office, "Anne", INSTANT, **rest)
    bart = reads(office, "Bart", DAILY, **rest)

    storm = tell(office, "Storm", urgent=True)
    at(office, 7, days=1)

    assert mails(office) == []
    for reader in (anne, bart):
        row = owed(office, storm, reader)
        assert (row.state, row.reason) == (DigestItemState.DROPPED, DropReason.PAUSED)


def test_after_a_rest_briefs_come_again(office: Office) -> None:
    reads(office, "Anne", INSTANT, paused_until=NOON + timedelta(days=1))

    office.later(days=2)
    tell(office, "Storm")

    assert mails(office) == [("anne", "Storm")]


def test_the_quickest_of_several_topics_counts(office: Office) -> None:
    office.topic("Iran")
    office.topic("Economy", "Iran")
    anne = reads(office, "Anne", DAILY, "Iran", "Economy")
    with transaction(office.engine) as session:
        key = (anne, office.topic("Economy"))
        session.get_one(Subscription, key).frequency = INSTANT

    tell(office, "Oil", "Economy")
    tell(office, "Talks", "Iran")
    at(office, 7, days=1)

    assert mails(office) == [("anne", "Oil"), ("anne", "Talks")]


def test_a_digest_never_comes_in_quiet_hours(office: Office) -> None:
    reads(office, "Bart", DAILY, quiet_hours="22:00-09:00")
    tell(office, "Storm")

    at(office, 7, days=1)
    assert mails(office) == []
    at(office, 9)
    assert mails(office) == [("bart", "Storm")]


def test_morning_and_evening_editions_share_the_day(office: Office) -> None:
    schedule(office, "Iran")
    schedule(office, "Iran", name="Evening", at="18:00")
    reads(office, "Bart", DAILY)
    tell(office, "Noon")
    at(office, 18)
    tell(office, "Night")
    at(office, 7, days=1)

    assert mails(office) == [("bart", "Noon"), ("bart", "Night")]


@pytest.mark.parametrize(
    ("day", "due"),
    [
        # Berlin puts its clocks forward on 29 March 2026, and back on 25 October.
        (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 5, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 6, tzinfo=UTC)),
    ],
)
def test_seven_is_seven_when_clocks_change(
    office: Office, day: datetime, due: datetime
) -> None:
    reads(office, "Bart", DAILY, time_zone="Europe/Berlin")
    office.now = day
    tell(office, "Storm")

    office.now = due - timedelta(seconds=1)
    look(office)
    assert mails(office) == []
    office.now = due
    look(office)
    assert mails(office) == [("bart", "Storm")]


def test_who_left_before_the_digest_gets_none_and_it_says_so(office: Office) -> None:
    bart = reads(office, "Bart", DAILY)
    storm = tell(office, "Storm")
    office.suppress("Bart")

    at(office, 7, days=1)

    assert mails(office) == []
    assert owed(office, storm, bart).reason is DropReason.GONE


def test_who_leaves_between_planning_and_claim_is_skipped_with_the_reason(
    office: Office,
) -> None:
    bart = reads(office, "Bart", DAILY)
    storm = tell(office, "Storm")
    office.now = NOON.replace(day=3, hour=7)
    [digest] = start_due_digests(
        office.engine, make, missed_after=GRACE, now=office.now
    )
    office.suppress("Bart")
    office.send_all()

    assert owed(office, storm, bart).digest_campaign_id == digest
    assert office.states(digest) == {DeliveryState.SKIPPED: 1}


def test_a_cancelled_brief_is_in_no_digest(office: Office) -> None:
    bart = reads(office, "Bart", DAILY)
    reads(office, "Anne", INSTANT)
    office.post.before = lambda: office.do(lifecycle.cancel, 1)
    storm = tell(office, "Storm")

    at(office, 7, days=1)

    assert owed(office, storm, bart).reason is DropReason.WITHDRAWN


def test_a_correction_that_came_at_once_takes_the_old_form_out_of_the_digest(
    office: Office,
) -> None:
    bart = reads(office, "Bart", DAILY, urgent_overrides=True)
    storm = tell(office, "Storm")
    tell(office, "Storm, corrected", urgent=True, corrects=storm)

    at(office, 7, days=1)

    assert mails(office) == [("bart", "Storm, corrected")]
    assert owed(office, storm, bart).reason is DropReason.REPLACED


def test_the_same_text_sent_twice_is_in_a_digest_once(office: Office) -> None:
    reads(office, "Bart", DAILY)
    tell(office, "Storm")
    at(office, 7, days=1)
    tell(office, "Storm")

    at(office, 7, days=1)

    assert mails(office) == [("bart", "Storm")]


def why(office: Office, name: str, campaign_id: int) -> tuple[str, str]:
    """Return what became of a campaign for somebody, and why."""
    with reading(office.engine) as session:
        campaign = lifecycle.get_campaign(session, campaign_id)
        told = fate(session, campaign, f"{name.lower()}@example.org")
        return told["state"], told["reason"]


def test_why_says_by_which_path_a_brief_came_or_not(office: Office) -> None:
    reads(office, "Bart", DAILY, time_zone="Europe/Berlin")
    reads(office, "Anne", INSTANT, paused_until=NOON + timedelta(days=1))
    reads(office, "Nora", INSTANT, quiet_hours="11:00-13:00")
    storm = tell(office, "Storm")

    assert why(office, "Bart", storm) == (
        "waiting",
        "waits for the daily digest on 2026-03-03 at 07:00 CET",
    )
    assert why(office, "Anne", storm) == ("dropped", "rested then")
    at(office, 13)
    assert why(office, "Nora", storm) == (
        "sent",
        "after the quiet hours (campaign 2): the server said accepted",
    )
    at(office, 6, days=1)
    assert why(office, "Bart", storm) == (
        "sent",
        "with the daily digest (campaign 3): the server said accepted",
    )


def test_why_says_by_which_path_a_brief_would_come_now(office: Office) -> None:
    reads(office, "Anne", INSTANT)
    reads(office, "Bart", DAILY)
    reads(office, "Carl", INSTANT, paused_until=NOON + timedelta(days=1))
    reads(office, "Nora", INSTANT, quiet_hours="11:00-13:00")
    reads(office, "Ursula", URGENT)

    def now(name: str) -> tuple[bool, str]:
        with reading(office.engine) as session:
            segment = Segment(any=("Iran",))
            address = f"{name.lower()}@example.org"
            told = explain.explain(session, address, segment, now=NOON)
            return told.included, told.words

    assert now("Anne") == (True, "follows Iran")
    assert now("Bart") == (True, "reads Iran daily; comes with the next daily digest")
    assert now("Carl") == (False, "rests until 2026-03-03")
    assert now("Nora") == (
        True,
        "follows Iran; comes when the quiet hours are over",
    )
    assert now("Ursula") == (False, "reads Iran urgent only")
