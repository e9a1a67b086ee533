"""A rest that a reader begins while a brief is on its way already."""

from datetime import timedelta

import pytest

from flashmail.database import transaction
from flashmail.digests.runner import start_due_digests
from flashmail.model import (
    AmendmentKind,
    Campaign,
    DeliveryPreferences,
    DeliveryState,
    Frequency,
)
from office import NOON, Office
from planning import GRACE, mails, make, reads, tell

INSTANT, DAILY, *_ = Frequency
RESTS = "asked for a rest before it was sent"


def rest(office: Office, reader: int, *, days: int = 3) -> None:
    with transaction(office.engine) as session:
        until = office.now + timedelta(days=days)
        session.merge(
            DeliveryPreferences(
                subscriber_id=reader, paused_until=until, urgent_overrides=True
            )
        )


@pytest.mark.parametrize("urgent", [False, True])
def test_a_rest_that_begins_while_it_goes_out_is_kept(
    office: Office, urgent: bool
) -> None:
    reads(office, "Anne", INSTANT)
    bart = reads(office, "Bart", INSTANT)
    office.post.meanwhile = lambda: rest(office, bart)

    storm = tell(office, "Storm", urgent=urgent)

    assert mails(office) == [("anne", "Storm")]
    assert office.states(storm) == {DeliveryState.SENT: 1, DeliveryState.SKIPPED: 1}
    assert office.reason(bart, storm) == RESTS


def test_a_rest_that_begins_after_its_digest_was_made_is_kept(office: Office) -> None:
    bart = reads(office, "Bart", DAILY)
    tell(office, "Storm")
    office.now = NOON.replace(day=3, hour=7)
    [digest] = start_due_digests(
        office.engine, make, missed_after=GRACE, now=office.now
    )
    rest(office, bart)
    office.send_all()

    assert mails(office) == []
    assert office.reason(bart, digest) == RESTS


def test_who_left_while_resting_has_left(office: Office) -> None:
    reads(office, "Anne", INSTANT)
    bart = reads(office, "Bart", INSTANT)

    def leave() -> None:
        rest(office, bart)
        office.suppress("Bart")
        office.post.meanwhile = lambda: None

    office.post.meanwhile = leave
    storm = tell(office, "Storm")

    assert office.reason(bart, storm) == "left before it was sent"


def test_a_rest_that_is_over_holds_nothing_back(office: Office) -> None:
    reads(office, "Anne", INSTANT)
    bart = reads(office, "Bart", INSTANT)
    office.post.meanwhile = lambda: rest(office, bart, days=0)

    storm = tell(office, "Storm")

    assert office.states(storm) == {DeliveryState.SENT: 2}


def test_a_correction_reaches_who_rests_since_the_wrong_brief(office: Office) -> None:
    bart = reads(office, "Bart", INSTANT)
    storm = tell(office, "Storm")
    rest(office, bart)
    correction = office.schedule("Put right")
    with transaction(office.engine) as session:
        row = session.get_one(Campaign, correction)
        row.amends_id, row.amendment_kind = storm, AmendmentKind.CORRECTION
    office.send_all()

    assert mails(office) == [("bart", "Storm"), ("bart", "Put right")]
