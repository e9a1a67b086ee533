"""Halt and correct: the worst ten minutes of an editor's year."""

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from examples import examples
from flashmail.audience.segment import Segment
from flashmail.briefs import Brief, Section, SectionKind
from flashmail.campaigns import lifecycle
from flashmail.campaigns.briefs import store_brief_once
from flashmail.campaigns.content import create_campaign as campaigns_draft
from flashmail.campaigns.content import draft_of
from flashmail.campaigns.lifecycle import InvalidTransition
from flashmail.database import transaction
from flashmail.delivery.intervention import retry
from flashmail.errors import WrongInput
from flashmail.links import Purpose
from flashmail.message import fields
from flashmail.message.mime import compiled
from flashmail.model import (
    AmendmentKind,
    CampaignStatus,
    Delivery,
    DeliveryState,
    Priority,
)
from flashmail.review.correction import Amendments, CorrectionRequest, correct, retract
from flashmail.review.dry_run import dry_run
from flashmail.transports import Outcome
from office import LINKS, PRESS, SENDER, Office

WRONG = "Ministers signed on Monday."


def brief(said: str) -> Brief:
    latest = Section("Latest Developments", SectionKind.LATEST, (said,))
    return Brief("Talks End", date(2026, 3, 2), (latest,), topics=("Iran",))


FIX = CorrectionRequest(
    brief("Ministers signed on Tuesday."), "It was on Tuesday, not Monday."
)


@pytest.fixture(scope="module")
def rendered() -> Any:
    """The first brief as a mail; rendering it once is enough."""
    return draft_of(
        brief(WRONG),
        Segment(any=("Iran",)),
        renderer=PRESS.renderer,
        sender=SENDER,
        links=LINKS,
        priority=Priority.NORMAL,
    )


def sent_to(office: Office, what: Any, people: int) -> None:
    """Campaign 1 is on its way to so many people, batch by batch."""
    office.topic("Iran")
    for number in range(people):
        office.subscribe(f"Reader{number}", "Iran")
    with transaction(office.engine) as session:
        brief_id = store_brief_once(session, brief(WRONG), now=office.now)
        campaigns_draft(session, what, brief_id=brief_id, by="Edna", now=office.now)
    office.approve(1)
    schedule(office, 1)


def schedule(office: Office, *numbers: int) -> None:
    with transaction(office.engine) as session:
        for number in numbers:
            lifecycle.schedule(session, number, office.now, by="Ada", now=office.now)


def mend(office: Office, fix: CorrectionRequest = FIX) -> Amendments:
    return correct(office.engine, PRESS, 1, fix, by="Edna", now=office.now)


def let_go(office: Office, made: Amendments) -> None:
    for number in (made.note, made.rest):
        if number is not None:
            office.approve(number, "Ada")
            schedule(office, number)
    office.send_all()


def got(office: Office, subject_or_word: str) -> list[int]:
    """Return who was handed a mail that says this, once for each mail."""
    return [
        who.subscriber_id
        for message, who in office.post.sent
        if subject_or_word in message.subject + message.text
    ]


def test_the_rest_get_the_mended_brief_and_the_others_a_correction(
    office: Office, rendered: Any
) -> None:
    sent_to(office, rendered, 5)
    office.send_one()
    office.send_one()

    made = mend(office)
    let_go(office, made)

    assert got(office, WRONG) == [1, 2]
    assert got(office, "Correction: Talks End") == [1, 2]
    assert sorted(got(office, "signed on Tuesday")) == [1, 2, 3, 4, 5]
    assert office.status(1) is CampaignStatus.CANCELLED
    assert office.states(1) == {DeliveryState.SENT: 2, DeliveryState.CANCELLED: 3}
    assert office.states(made.rest or 0) == {DeliveryState.SENT: 3}
    assert "halted" in office.campaign(1).note


def test_a_correction_answers_each_readers_own_mail(
    office: Office, rendered: Any
) -> None:
    sent_to(office, rendered, 2)
    office.send_all()

    let_go(office, mend(office))

    for message, who in office.post.sent[2:]:
        raw = (
            compiled(message).fill(who.address, who.values, "Mon, 2 Mar 2026").decode()
        )
        first = office.token(Purpose.WATCH, who.subscriber_id, campaign=1)
        own = office.token(Purpose.WATCH, who.subscriber_id, campaign=2)
        assert f"In-Reply-To: <{first}@example.org>" in raw
        assert f"References: <{first}@example.org>" in raw
        assert f"Message-ID: <{own}@example.org>" in raw
        assert "first" not in fields(message.html)


def test_where_everybody_got_it_there_is_no_rest(office: Office, rendered: Any) -> None:
    sent_to(office, rendered, 2)
    office.send_all()

    made = mend(office)

    assert made == Amendments(note=2)
    assert office.status(1) is CampaignStatus.SENT


@settings(
    max_examples=examples(12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    halt=st.integers(0, 6),
    outcomes=st.lists(
        st.sampled_from([Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.UNKNOWN]),
        min_size=7,
        max_size=7,
    ),
)
def test_halted_anywhere_nobody_is_in_both_and_nobody_in_neither(
    office: Office, rendered: Any, halt: int, outcomes: list[Outcome]
) -> None:
    anew(office)
    sent_to(office, rendered, 6)
    for outcome in outcomes[:halt]:
        office.post.outcome = outcome
        office.send_one()
    office.post.outcome = Outcome.ACCEPTED
    first = set(got(office, WRONG))
    everybody = set(range(1, 7))
    if not office.campaign(1).started_at:
        return  # nothing has begun, so there is nothing to correct

    made = mend(office)
    let_go(office, made)

    rest = {who for who in got(office, "signed on Tuesday")} - set(
        got(office, "Correction")
    )
    assert first | rest == everybody
    assert not first & rest
    assert set(got(office, "Correction")) == first
    assert len(got(office, "signed on Tuesday")) == 6


def anew(office: Office) -> None:
    """Empty the office: an example must not find what another one left."""
    from sqlalchemy import text
    from sqlmodel import SQLModel

    office.post.sent.clear()
    with office.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            tables = ", ".join(f'"{name}"' for name in SQLModel.metadata.tables)
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
            return
        for table in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(table.delete())
        connection.execute(text("DELETE FROM sqlite_sequence"))


def test_what_is_in_a_workers_hands_is_waited_for(
    office: Office, rendered: Any
) -> None:
    sent_to(office, rendered, 2)
    made: list[Amendments] = []

    def halt() -> None:
        if not made:
            made.append(mend(office))
            office.approve(made[0].note, "Ada")
            schedule(office, made[0].note)
            with pytest.raises(WrongInput, match="on their way"):
                dry_run(
                    office.engine, made[0].note, office.tokens, by="E", now=office.now
                )
            office.worker("other").housekeep()

    office.post.meanwhile = halt
    office.send_one()
    assert office.status(made[0].note) is CampaignStatus.SCHEDULED
    office.send_all()

    assert got(office, WRONG) == got(office, "Correction") == [1]


def test_who_left_meanwhile_hears_no_more(office: Office, rendered: Any) -> None:
    sent_to(office, rendered, 3)
    office.send_one()
    office.suppress("Reader0")
    office.suppress("Reader2")

    let_go(office, mend(office))

    assert got(office, "Correction") == []
    assert got(office, "signed on Tuesday") == [2]


def test_a_brief_is_taken_back_from_those_who_got_it(
    office: Office, rendered: Any
) -> None:
    sent_to(office, rendered, 3)
    office.send_one()
    words = "No agreement was signed."

    made = retract(office.engine, PRESS, 1, words, by="Edna", now=office.now)
    let_go(office, made)

    assert got(office, "Retraction: Talks End") == [1]
    assert made.rest is None
    assert office.campaign(made.note).amendment_kind is AmendmentKind.RETRACTION
    assert WRONG not in office.post.sent[-1][0].text
    assert len(office.post.sent) == 2, "the others get nothing at all"


def test_it_is_corrected_once(office: Office, rendered: Any) -> None:
    sent_to(office, rendered, 1)
    office.send_all()
    mend(office)

    with pytest.raises(InvalidTransition, match="corrected already"):
        mend(office)


def test_a_cancelled_campaign_can_still_be_corrected(
    office: Office, rendered: Any
) -> None:
    sent_to(office, rendered, 3)
    office.send_one()
    office.do(lifecycle.cancel, 1)
    made = mend(office)
    for number in (made.note, made.rest or 0):
        office.do(lifecycle.cancel, number)

    let_go(office, mend(office))

    assert got(office, WRONG) == got(office, "Correction") == [1]
    assert sorted(got(office, "signed on Tuesday")) == [1, 2, 3]


def test_nobody_gets_the_mended_brief_twice(office: Office, rendered: Any) -> None:
    sent_to(office, rendered, 4)
    office.send_one()
    made = mend(office)
    assert made.rest
    office.approve(made.rest, "Ada")
    schedule(office, made.rest)
    office.send_one()
    office.do(lifecycle.cancel, made.note)
    office.do(lifecycle.cancel, made.rest)

    with pytest.raises(InvalidTransition, match="corrected already"):
        mend(office)
    fix = CorrectionRequest(
        brief("Ministers signed on Wednesday."), "It was Wednesday."
    )
    again = correct(office.engine, PRESS, made.rest, fix, by="Edna", now=office.now)
    let_go(office, again)

    assert got(office, "signed on Tuesday") == [2]
    assert sorted(got(office, "signed on Wednesday")) == [2, 3, 4]


def test_the_first_form_is_not_tried_again(office: Office, rendered: Any) -> None:
    sent_to(office, rendered, 1)
    office.post.outcome = Outcome.UNKNOWN
    office.send_all()
    mend(office)

    with (
        pytest.raises(InvalidTransition, match="was corrected"),
        transaction(office.engine) as session,
    ):
        retry(session, 1, unknown=True, by="Edna", now=office.now)
    assert office.get(Delivery, (1, 1)).state is DeliveryState.UNKNOWN


def test_what_nobody_got_is_changed_not_corrected(
    office: Office, rendered: Any
) -> None:
    sent_to(office, rendered, 1)

    with pytest.raises(InvalidTransition, match="is scheduled"):
        mend(office)


def test_words_that_say_nothing_stop_nothing(office: Office, rendered: Any) -> None:
    sent_to(office, rendered, 2)
    office.send_one()

    with pytest.raises(WrongInput, match="what was wrong"):
        mend(office, CorrectionRequest(FIX.brief, "  "))

    assert office.status(1) is CampaignStatus.SENDING
