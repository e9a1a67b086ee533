"""The complaint guard: a campaign that readers call spam stops by itself."""

import pytest
from sqlmodel import insert

from flashmail.campaigns import lifecycle
from flashmail.database import transaction
from flashmail.delivery import intervention
from flashmail.model import CampaignStatus, Delivery, DeliveryState, EventKind
from office import Office


@pytest.mark.parametrize(
    ("complaints", "accepted", "known", "stop"),
    [
        (0, 1_000, 0, False),
        (2, 1_000, 0, False),
        (3, 1_000, 0, True),
        (999, 999, 0, False),
        (20, 10_000, 0, False),
        (21, 10_000, 0, True),
        (30, 10_000, 21, False),
        (42, 10_000, 21, True),
    ],
)
def test_more_than_two_in_a_thousand_are_too_many(
    complaints: int, accepted: int, known: int, stop: bool
) -> None:
    assert intervention.too_many(complaints, accepted, known=known) is stop


def under_way(office: Office) -> None:
    """Have a campaign of which a thousand are sent and more are not."""
    for name in ("Anne", "Bart"):
        office.subscribe(name, "Iran")
    office.schedule()
    office.send_one()
    rows = [
        {"campaign_id": 1, "subscriber_id": n, "state": DeliveryState.SENT}
        | {"state_since": office.now, "attempts": 1, "reason": "", "retryable": False}
        for n in range(10, 1010)
    ]
    with transaction(office.engine) as session:
        session.execute(insert(Delivery), rows)


def complain(office: Office, first: int, count: int) -> None:
    for reader in range(first, first + count):
        assert office.hear("spamreport", reader) == 1


def test_a_campaign_that_readers_complain_about_is_paused(office: Office) -> None:
    under_way(office)
    complain(office, 10, 2)
    assert intervention.pause_unwanted(office.engine, now=office.now) == []

    complain(office, 12, 1)
    assert intervention.pause_unwanted(office.engine, now=office.now) == [1]

    assert office.status() is CampaignStatus.PAUSED
    assert office.campaign().note == "3 of 1,001 complained: look at it first"
    assert not office.send_one()
    assert office.people(EventKind.COMPLAINED) == 3


def test_who_resumes_it_is_asked_again_only_when_it_gets_worse(office: Office) -> None:
    under_way(office)
    complain(office, 10, 3)
    intervention.pause_unwanted(office.engine, now=office.now)
    office.do(lifecycle.resume, 1)
    office.later(minutes=1)

    complain(office, 13, 2)
    assert intervention.pause_unwanted(office.engine, now=office.now) == []
    complain(office, 15, 1)
    assert intervention.pause_unwanted(office.engine, now=office.now) == [1]
