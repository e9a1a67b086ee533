"""Sending: who gets a campaign, how often, and what happens when it goes wrong."""

from datetime import timedelta

import pytest

from flashmail.campaigns import lifecycle
from flashmail.campaigns.lifecycle import InvalidTransition, NotWhatWasApproved
from flashmail.database import transaction
from flashmail.delivery import ledger
from flashmail.delivery.claim import LEASE, Claim, claim
from flashmail.delivery.starting import start_due_campaigns
from flashmail.message import fill
from flashmail.model import CampaignStatus, Delivery, DeliveryState, Suppression, Topic
from flashmail.transports import Fenced, Outcome, Receipt, SenderProblem
from office import NOON, Office

SENT, QUEUED, UNKNOWN = (
    DeliveryState.SENT,
    DeliveryState.QUEUED,
    DeliveryState.UNKNOWN,
)


def test_only_followers_of_the_topic_get_it(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.subscribe("Bart", "Pakistan")
    storm = office.schedule("Storm", "Iran")

    office.send_all()

    assert office.post.addresses == ["anne@example.org"]
    assert office.status(storm) is CampaignStatus.SENT


def test_a_follower_of_iran_gets_what_belongs_under_it(office: Office) -> None:
    office.topic("Iran")
    office.topic("Iran Politics", parent="Iran")
    office.subscribe("Anne", "Iran")
    office.subscribe("Bart", "Iran Politics")

    office.schedule("The rial", "Iran Politics")
    office.schedule("The country", "Iran")
    office.send_all()

    assert office.post.addresses == [
        "anne@example.org",
        "bart@example.org",
        "anne@example.org",
    ]


def test_who_follows_two_of_its_topics_gets_it_once(office: Office) -> None:
    office.subscribe("Anne", "Iran", "Pakistan")
    office.schedule("Storm", "Iran", "Pakistan")

    office.send_all()

    assert office.post.addresses == ["anne@example.org"]


def test_each_mail_is_its_readers_own(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.subscribe("Bart", "Iran")
    office.schedule()

    office.send_all()

    (message, anne), (_, bart) = office.post.sent
    assert fill(message.text, lambda field: anne.values[field]).startswith("Dear Anne,")
    assert anne.values["leave"] != bart.values["leave"]
    assert "anne" not in str({k: v for k, v in anne.values.items() if k != "name"})


@pytest.mark.parametrize(
    "status", ["paused", "pending", "unsubscribed", "bounced", "complained"]
)
def test_only_the_active_get_mail(office: Office, status: str) -> None:
    office.subscribe("Anne", "Iran", status=status)
    office.schedule()

    office.send_all()

    assert office.post.addresses == []


def test_who_leaves_while_it_goes_out_is_left_out(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.subscribe("Bart", "Iran")
    office.schedule()
    office.post.meanwhile = lambda: office.suppress("Bart")

    office.send_all()

    assert office.post.addresses == ["anne@example.org"]
    assert office.states() == {SENT: 1, DeliveryState.SKIPPED: 1}
    assert office.reason(2) == "left before it was sent"


def test_a_campaign_waits_for_its_time(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule(at=NOON + timedelta(hours=1))

    assert not office.send_one()
    office.later(hours=1)
    office.send_all()

    assert office.post.addresses == ["anne@example.org"]


def test_who_subscribes_before_its_time_gets_it(office: Office) -> None:
    office.schedule(at=NOON + timedelta(hours=1))
    office.subscribe("Anne", "Iran")
    office.later(hours=1)

    office.send_all()

    assert office.post.addresses == ["anne@example.org"]


def test_a_missed_time_asks_a_person(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    storm = office.schedule(at=NOON + timedelta(minutes=1))
    office.later(hours=4)

    office.send_all()

    assert office.status(storm) is CampaignStatus.MISSED
    assert office.post.addresses == []
    assert "nobody was there" in office.campaign(storm).note


def test_a_campaign_that_cannot_begin_does_not_stop_the_others(
    office: Office,
) -> None:
    office.subscribe("Anne", "Iran")
    gone = office.schedule("Gone", "Renamed")
    office.schedule("Whole")
    with transaction(office.engine) as session:
        session.get_one(Topic, office.topic("Renamed")).name = "Another"

    office.send_all()

    assert office.post.subjects == ["Whole"]
    assert office.status(gone) is CampaignStatus.MISSED
    assert "it cannot begin" in office.campaign(gone).note


def test_an_urgent_campaign_overtakes_at_the_next_batch(office: Office) -> None:
    for name in ("Anne", "Bart", "Cate"):
        office.subscribe(name, "Iran")
    office.schedule("Weekly")
    office.send_one()

    office.schedule("Strike", urgent=True)
    office.send_all()

    assert office.post.subjects == ["Weekly"] + ["Strike"] * 3 + ["Weekly"] * 2


def test_a_paused_campaign_stops_after_the_batch_in_hand(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.subscribe("Bart", "Iran")
    storm = office.schedule()
    office.post.meanwhile = lambda: office.do(lifecycle.pause, storm)

    office.send_all()
    assert office.states() == {SENT: 1, QUEUED: 1}

    office.post.meanwhile = lambda: None
    office.do(lifecycle.resume, storm)
    office.send_all()
    assert office.post.addresses == ["anne@example.org", "bart@example.org"]
    assert office.status() is CampaignStatus.SENT


def test_a_cancelled_campaign_sends_nothing_more(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.subscribe("Bart", "Iran")
    storm = office.schedule()
    office.send_one()

    office.do(lifecycle.cancel, storm)
    office.send_all()

    assert office.states() == {SENT: 1, DeliveryState.CANCELLED: 1}
    with pytest.raises(InvalidTransition, match="is cancelled"):
        office.do(lifecycle.resume, storm)


def test_what_is_put_off_in_a_cancelled_campaign_is_cancelled(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    storm = office.schedule()
    office.post.outcome = Outcome.LATER
    office.post.meanwhile = lambda: office.do(lifecycle.cancel, storm)

    office.send_all()

    assert office.states() == {DeliveryState.CANCELLED: 1}


def test_what_is_put_off_goes_out_later_and_once(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.post.outcome = Outcome.LATER
    office.send_all()
    assert office.states() == {QUEUED: 1}

    office.post.outcome = Outcome.ACCEPTED
    assert not office.send_one(), "it rests first"
    office.later(minutes=1)
    office.send_all()

    assert office.states() == {SENT: 1}
    assert office.status() is CampaignStatus.SENT


def test_what_is_put_off_for_a_day_has_failed(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.post.outcome = Outcome.LATER
    for _ in range(40):
        office.send_all()
        office.later(hours=1)

    assert office.states() == {DeliveryState.FAILED: 1}
    assert office.reason().startswith("given up after a day")


def test_a_refused_address_fails_with_the_servers_words(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.post.outcome = Outcome.REFUSED

    office.send_all()

    assert office.states() == {DeliveryState.FAILED: 1}
    assert office.reason() == "the server said refused"


def test_a_problem_of_ours_pauses_and_costs_no_reader(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    storm = office.schedule()
    office.post.fails_with = SenderProblem("550 5.7.26 sender unauthenticated")

    office.send_all()

    assert office.states() == {QUEUED: 1}
    assert office.status(storm) is CampaignStatus.PAUSED
    assert "5.7.26" in office.campaign(storm).note
    assert office.get(Suppression, "anne@example.org") is None


def test_a_campaign_that_breaks_does_not_stop_the_others(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule("Broken")
    office.post.fails_with = RuntimeError("boom")
    office.send_all()

    office.post.fails_with = None
    office.schedule("Whole")
    office.send_all()

    assert office.post.subjects == ["Whole"]
    assert office.status(1) is CampaignStatus.PAUSED


def test_what_nobody_can_know_is_unknown_and_stays_so(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.post.outcome = Outcome.UNKNOWN

    office.send_all()
    office.later(days=2)
    office.send_all()

    assert office.states() == {UNKNOWN: 1}
    assert len(office.post.sent) == 1


def test_a_worker_that_dies_leaves_what_it_armed_unknown(office: Office) -> None:
    office.post.batch_size = 2
    office.subscribe("Anne", "Iran")
    office.subscribe("Bart", "Iran")
    office.schedule()
    begun = begin(office)
    ledger.arm(office.engine, begun, [1], now=office.now)

    office.later(seconds=LEASE.total_seconds() + 1)
    office.send_all()

    assert office.post.addresses == ["bart@example.org"]
    assert office.states() == {UNKNOWN: 1, SENT: 1}


def test_a_worker_that_wakes_up_too_late_changes_nothing(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()
    sleeper = begin(office)
    office.later(seconds=LEASE.total_seconds() + 1)
    office.send_all()

    with pytest.raises(Fenced):
        ledger.arm(office.engine, sleeper, [1], now=office.now)
    refused = [Receipt(1, Outcome.REFUSED)]
    with pytest.raises(Fenced):
        ledger.book(office.engine, sleeper, refused, now=office.now)
    assert office.states() == {SENT: 1}


def test_a_batch_has_one_worker(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()
    begin(office)

    assert claim(office.engine, "another", now=office.now) is None


def test_an_event_may_be_faster_than_the_receipt(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.post.meanwhile = lambda: office.hear("delivered")

    office.send_all()

    assert office.states() == {DeliveryState.DELIVERED: 1}


def test_the_states_add_up_to_everyone_addressed(office: Office) -> None:
    for name in ("Anne", "Bart", "Cate", "Dave"):
        office.subscribe(name, "Iran")
    office.schedule()
    office.send_one()
    office.post.outcome = Outcome.REFUSED
    office.send_one()
    office.suppress("Cate")
    office.send_one()

    told = office.report().as_json()

    assert told["addressed"] == 4
    assert sum(told["states"].values()) == 4
    assert told["missing"] == 0


def test_a_row_that_is_gone_is_noticed(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.subscribe("Bart", "Iran")
    office.schedule()
    office.send_all()
    with transaction(office.engine) as session:
        session.delete(session.get_one(Delivery, (1, 2)))

    assert office.report().missing == 1


def test_an_approval_is_of_what_was_looked_at(office: Office) -> None:
    storm = office.draft()
    with pytest.raises(NotWhatWasApproved), transaction(office.engine) as session:
        lifecycle.approve(session, storm, "0" * 64, by="Edna", now=NOON)

    assert office.status(storm) is CampaignStatus.DRAFT


def test_a_changed_draft_is_not_what_was_approved(office: Office) -> None:
    storm = office.draft()
    seen = office.campaign(storm).content_hash
    with transaction(office.engine) as session:
        lifecycle.get_campaign(session, storm).html += "."

    with pytest.raises(NotWhatWasApproved), transaction(office.engine) as session:
        lifecycle.approve(session, storm, seen, by="Edna", now=NOON)


def test_an_unapproved_campaign_cannot_be_scheduled(office: Office) -> None:
    storm = office.draft()

    with (
        pytest.raises(InvalidTransition, match="is draft"),
        transaction(office.engine) as session,
    ):
        lifecycle.schedule(session, storm, NOON, by="Edna", now=NOON)


def begin(office: Office) -> Claim:
    """Have a worker take the first batch and then show no sign of life."""
    start_due_campaigns(
        office.engine,
        batch_size=office.post.batch_size,
        missed_after=timedelta(minutes=15),
        now=office.now,
    )
    held = claim(office.engine, "sleeper", now=office.now)
    assert held is not None
    return held
