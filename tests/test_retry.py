"""Retry: only what may be tried again is, and only when a person says so."""

import pytest

from flashmail.campaigns import lifecycle
from flashmail.campaigns.lifecycle import InvalidTransition
from flashmail.database import transaction
from flashmail.delivery.intervention import retry
from flashmail.model import CampaignStatus, DeliveryState
from flashmail.transports import Outcome
from office import Office


def again(office: Office, *, unknown: bool = False) -> int:
    with transaction(office.engine) as session:
        return retry(session, 1, unknown=unknown, by="Edna", now=office.now)


def sent(office: Office, outcome: Outcome) -> Office:
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.post.outcome = outcome
    office.send_all()
    office.post.outcome = Outcome.ACCEPTED
    return office


def test_a_refused_address_is_not_tried_again(office: Office) -> None:
    sent(office, Outcome.REFUSED)

    assert again(office) == 0
    assert office.status() is CampaignStatus.SENT


def test_a_blocked_mail_is(office: Office) -> None:
    sent(office, Outcome.ACCEPTED)
    office.hear("bounce", type="blocked")

    assert again(office) == 1
    office.send_all()
    assert office.states() == {DeliveryState.SENT: 1}
    assert len(office.post.sent) == 2


def test_what_was_given_up_is(office: Office) -> None:
    sent(office, Outcome.LATER)
    office.later(days=2)
    office.post.outcome = Outcome.LATER
    office.send_all()
    office.post.outcome = Outcome.ACCEPTED

    assert again(office) == 1
    office.send_all()
    assert office.states() == {DeliveryState.SENT: 1}


def test_what_is_unknown_is_only_by_an_explicit_word(office: Office) -> None:
    sent(office, Outcome.UNKNOWN)

    assert again(office) == 0
    assert again(office, unknown=True) == 1
    office.send_all()
    assert office.states() == {DeliveryState.SENT: 1}


def test_who_left_since_is_left_out(office: Office) -> None:
    sent(office, Outcome.UNKNOWN)
    office.suppress("Anne")

    again(office, unknown=True)
    office.send_all()

    assert office.states() == {DeliveryState.SKIPPED: 1}


def test_a_retry_touches_nobody_else(office: Office) -> None:
    office.subscribe("Bart", "Iran")
    sent(office, Outcome.ACCEPTED)
    office.hear("bounce", subscriber_id=2, type="blocked")

    again(office)
    office.send_all()

    assert office.post.addresses.count("bart@example.org") == 1


def test_a_cancelled_campaign_stays_so(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.do(lifecycle.cancel, 1)

    with pytest.raises(InvalidTransition, match="nothing to retry"):
        again(office, unknown=True)
