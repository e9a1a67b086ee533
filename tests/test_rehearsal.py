"""Rehearsal and approval: what goes out is what was looked at, to whom it was."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashmail.campaigns import audience, briefs, lifecycle
from flashmail.campaigns.lifecycle import NotWhatWasApproved, TooOld
from flashmail.database import reading, transaction
from flashmail.delivery.starting import JOINED_LATER, include_late_joiners
from flashmail.errors import WrongInput
from flashmail.findings import blocking, warning
from flashmail.model import (
    Campaign,
    CampaignStatus,
    DeliveryPreferences,
    DeliveryState,
    DryRun,
    SubscriberStatus,
)
from flashmail.review.approval import (
    BlockedByPreflight,
    ContentChanged,
    ReviewedState,
    approve,
)
from flashmail.review.dry_run import LATER, dry_run
from office import Office

IDS = st.sets(st.integers(0, 2**32 - 1))


@given(IDS)
def test_a_crowd_is_kept_whole(ids: set[int]) -> None:
    assert audience.unpack_ids(audience.pack_ids(ids)) == ids
    assert audience.hash_ids(sorted(ids, reverse=True)) == audience.hash_ids(ids)


@given(IDS, st.integers(0, 2**32 - 1))
def test_one_more_is_another_crowd(ids: set[int], one: int) -> None:
    assert audience.hash_ids(ids ^ {one}) != audience.hash_ids(ids)


@pytest.fixture
def drafted(office: Office) -> Office:
    """Anne and Boris follow Iran; campaign 1 is a draft for them."""
    office.subscribe("Anne", "Iran")
    office.subscribe("Boris", "Iran")
    office.draft()
    return office


def rehearsed(office: Office) -> ReviewedState:
    number = dry_run(office.engine, 1, office.tokens, by="Edna", now=office.now)
    found: DryRun = office.get(DryRun, number)
    return ReviewedState(number, found.content_hash, found.audience_hash)


def go(office: Office, seen: ReviewedState, **more: object) -> None:
    approved(office, seen, **more)
    scheduled(office)


def approved(office: Office, seen: ReviewedState, **more: object) -> None:
    with transaction(office.engine) as session:
        approve(session, 1, seen, by="Ada", now=office.now, **more)  # type: ignore[arg-type]


def scheduled(office: Office, **later: float) -> None:
    moment = office.now + timedelta(**later)
    with transaction(office.engine) as session:
        lifecycle.schedule(session, 1, moment, by="Ada", now=office.now)


def taken_back(office: Office) -> None:
    with transaction(office.engine) as session:
        lifecycle.revoke_approval(session, 1, by="Ada", now=office.now)


def test_a_rehearsal_counts_everybody_once(drafted: Office) -> None:
    drafted.subscribe("Carla", "Iran", status=SubscriberStatus.PAUSED)
    drafted.subscribe("Dora", "Iran")
    drafted.suppress("Dora")

    rehearsed(drafted)

    found: DryRun = drafted.get(DryRun, 1)
    assert found.audience_size == 2
    assert found.excluded == {"paused": 1, "suppressed": 1}
    assert found.refused == {}
    assert found.mail_sizes[0] > 500
    assert drafted.post.sent == []
    assert drafted.status() is CampaignStatus.DRAFT


def test_an_address_that_cannot_be_mailed_is_found_before(drafted: Office) -> None:
    drafted.subscribe("no one", "Iran")

    rehearsed(drafted)

    found: DryRun = drafted.get(DryRun, 1)
    assert (found.audience_size, sum(found.refused.values())) == (3, 1)


def test_what_was_rehearsed_is_what_is_sent(drafted: Office) -> None:
    seen = rehearsed(drafted)
    go(drafted, seen)
    drafted.send_all()

    sent = [who.subscriber_id for _, who in drafted.post.sent]
    assert audience.hash_ids(sent) == seen.audience
    assert drafted.campaign().approved_hash == seen.content


def change_a_word(office: Office) -> None:
    with transaction(office.engine) as session:
        campaign = session.get_one(Campaign, 1)
        campaign.text = campaign.text.replace("Dear", "Oh dear")


def swap_one(office: Office) -> None:
    office.suppress("Anne")
    office.subscribe("Carla", "Iran")


CHANGES: dict[str, tuple[Callable[[Office], object], str]] = {
    "one byte": (change_a_word, "content was changed"),
    "one person": (lambda office: office.subscribe("Carla", "Iran"), "1 more people"),
    "one for another": (swap_one, "1 more people would get it, 1 would get it no more"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changed_is_shown_and_refused(drafted: Office, change: str) -> None:
    act, words = CHANGES[change]
    seen = rehearsed(drafted)
    act(drafted)

    with pytest.raises(ContentChanged, match=words):
        go(drafted, seen)

    assert drafted.status() is CampaignStatus.DRAFT
    go(drafted, rehearsed(drafted))


def test_the_difference_names_people_and_lines(drafted: Office) -> None:
    seen = rehearsed(drafted)
    change_a_word(drafted)
    drafted.subscribe("Carla", "Iran")

    with pytest.raises(ContentChanged) as refused:
        go(drafted, seen)

    found = refused.value.difference
    assert found.names == ("carla@example.org",)
    assert any(line.startswith("+Oh dear") for line in found.lines)
    assert any(line.startswith("-Dear") for line in found.lines)


def test_who_left_meanwhile_keeps_nobody_waiting(drafted: Office) -> None:
    seen = rehearsed(drafted)
    drafted.suppress("Anne")

    go(drafted, seen)
    drafted.send_all()

    assert drafted.post.addresses == ["boris@example.org"]


def test_a_form_of_another_rehearsal_is_refused(drafted: Office) -> None:
    seen = rehearsed(drafted)

    with pytest.raises(NotWhatWasApproved, match="not of that dry run"):
        go(drafted, ReviewedState(seen.dry_run_id, seen.content, "0" * 64))


def test_what_blocks_keeps_it_here_what_warns_does_not(drafted: Office) -> None:
    seen = rehearsed(drafted)

    with pytest.raises(BlockedByPreflight, match="a placeholder"):
        go(drafted, seen, findings=[blocking("placeholder", "a placeholder: TK")])

    go(drafted, seen, findings=[warning("long", "takes ten minutes")])


def test_urgent_mail_asks_for_the_number(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.draft(urgent=True)
    seen = rehearsed(office)

    for typed in ("", "2", "11", "yes"):
        with pytest.raises(WrongInput, match="goes to 1 people"):
            go(office, seen_with(seen, typed))
    go(office, seen_with(seen, "1"))


def seen_with(seen: ReviewedState, typed: str) -> ReviewedState:
    return ReviewedState(seen.dry_run_id, seen.content, seen.audience, typed)


def test_who_joins_after_the_approval_is_left_out_and_counted(drafted: Office) -> None:
    go(drafted, rehearsed(drafted))
    drafted.subscribe("Carla", "Iran")

    drafted.send_all()

    assert drafted.post.addresses == ["anne@example.org", "boris@example.org"]
    assert drafted.states() == {DeliveryState.SENT: 2, DeliveryState.SKIPPED: 1}
    assert drafted.reason(3) == JOINED_LATER
    assert drafted.report().missing == 0


def test_somebody_may_say_that_they_get_it_too(drafted: Office) -> None:
    go(drafted, rehearsed(drafted))
    drafted.subscribe("Carla", "Iran")
    drafted.send_all()

    with transaction(drafted.engine) as session:
        assert include_late_joiners(session, 1, by="Ada", now=drafted.now) == 1
        assert include_late_joiners(session, 1, by="Ada", now=drafted.now) == 0
    drafted.send_all()

    assert drafted.post.addresses[-1] == "carla@example.org"
    assert drafted.states() == {DeliveryState.SENT: 3}
    assert drafted.status() is CampaignStatus.SENT


def test_without_a_rehearsal_the_rule_is_what_was_approved(drafted: Office) -> None:
    drafted.approve(1)
    with transaction(drafted.engine) as session:
        lifecycle.schedule(session, 1, drafted.now, by="Ada", now=drafted.now)
    drafted.subscribe("Carla", "Iran")

    drafted.send_all()

    assert len(drafted.post.sent) == 3


def test_taking_back_voids_the_approval(drafted: Office) -> None:
    go(drafted, rehearsed(drafted))

    with transaction(drafted.engine) as session:
        lifecycle.revoke_approval(session, 1, by="Edna", now=drafted.now)
    drafted.send_all()

    campaign = drafted.campaign()
    assert (campaign.status, campaign.approved_by) == (CampaignStatus.DRAFT, "")
    assert campaign.send_at is None
    assert drafted.post.sent == []
    with reading(drafted.engine) as session, pytest.raises(lifecycle.InvalidTransition):
        lifecycle.revoke_approval(session, 1, by="Edna", now=drafted.now)


def test_once_it_has_begun_there_is_no_taking_back(drafted: Office) -> None:
    go(drafted, rehearsed(drafted))
    drafted.send_one()

    with (
        pytest.raises(lifecycle.InvalidTransition, match="is sending"),
        transaction(drafted.engine) as session,
    ):
        lifecycle.revoke_approval(session, 1, by="Edna", now=drafted.now)


def test_who_is_held_back_is_counted_and_gets_it_later(office: Office) -> None:
    anne = office.subscribe("Anne", "Iran")
    campaign_id = office.draft()
    with transaction(office.engine) as session:
        brief_id = briefs.store_brief(session, "Storm", "", "", now=office.now)
        session.get_one(Campaign, campaign_id).brief_id = brief_id
        session.add(DeliveryPreferences(subscriber_id=anne, quiet_hours="00:00-23:59"))

    rehearsed(office)

    found: DryRun = office.get(DryRun, 1)
    assert (found.audience_size, found.excluded) == (1, {LATER: 1})


def test_a_rehearsal_holds_for_a_day(drafted: Office) -> None:
    seen = rehearsed(drafted)
    drafted.later(hours=24)
    approved(drafted, seen)
    taken_back(drafted)

    drafted.later(seconds=1)
    with pytest.raises(TooOld, match="rehearse it again"):
        approved(drafted, seen)


def test_an_approval_that_went_nowhere_runs_out(drafted: Office) -> None:
    approved(drafted, rehearsed(drafted))
    drafted.later(hours=25)

    with pytest.raises(TooOld, match="ran out"):
        scheduled(drafted)
    taken_back(drafted)
    approved(drafted, rehearsed(drafted))
    scheduled(drafted)


def test_an_approval_for_a_later_time_holds_until_a_day_after_it(
    drafted: Office,
) -> None:
    approved(drafted, rehearsed(drafted))
    scheduled(drafted, days=7)

    drafted.later(days=7, hours=20)
    drafted.send_all()
    assert drafted.status() is CampaignStatus.MISSED
    scheduled(drafted)
    drafted.send_all()

    assert len(drafted.post.sent) == 2


def test_what_was_missed_for_longer_is_approved_anew(drafted: Office) -> None:
    approved(drafted, rehearsed(drafted))
    scheduled(drafted, days=1)
    drafted.later(days=3)
    drafted.send_all()

    with pytest.raises(TooOld):
        scheduled(drafted)
    assert drafted.status() is CampaignStatus.MISSED
