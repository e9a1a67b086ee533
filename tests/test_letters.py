"""Single mails: each is handed over once, and what nobody can know is not repeated."""

from datetime import UTC, datetime

import pytest
from sqlmodel import select

from flashmail.database import reading, transaction
from flashmail.model import (
    RequestState,
    SubscriptionRequest,
    TransactionalMail,
    TransactionalState,
)
from flashmail.transactional.mails import Porter
from flashmail.transactional.queue import Postman, notify_staff
from flashmail.transports import Outcome, Receipt, SenderProblem
from office import PRESS, SENDER, Office


@pytest.fixture
def office(office: Office) -> Office:
    """Edna has to know something, and Anne wants in."""
    office.now = datetime.now(UTC)
    with transaction(office.engine) as session:
        notify_staff(
            session, ["edna@example.org"], "Alarm", "!", by="us", now=office.now
        )
        session.add(
            SubscriptionRequest(
                address="a@example.org", key="a@example.org", created_at=office.now
            )
        )
    return office


def carry(office: Office) -> int:
    """Let postman and porter go; return how many mails they tried to hand over."""
    before = len(office.post.sent)
    tries: list[object] = []
    office.post.before = lambda: tries.append(None)
    Postman(office.engine, lambda: office.post, SENDER).go(now=office.now)
    Porter(office.engine, lambda: office.post, PRESS, office.tokens).go(now=office.now)
    assert len(office.post.sent) >= before
    return len(tries)


def letter(office: Office) -> TransactionalMail:
    with reading(office.engine) as session:
        return session.exec(select(TransactionalMail)).one()


def knock(office: Office) -> SubscriptionRequest:
    found: SubscriptionRequest = office.get(SubscriptionRequest, 1)
    return found


def test_a_failure_that_nobody_expected_may_have_been_a_mail(office: Office) -> None:
    office.post.fails_with = RuntimeError("the line went dead")
    assert carry(office) == 2

    office.post.fails_with = None
    office.later(hours=1)
    assert carry(office) == 0

    assert letter(office).state is TransactionalState.CLAIMED
    assert knock(office).state is RequestState.MAILED
    for each in (letter(office), knock(office)):
        assert each.reason == "nobody knows whether it went: the line went dead"


def test_what_was_taken_before_the_trouble_was_taken(office: Office) -> None:
    taken = [Receipt(1, Outcome.ACCEPTED)]
    office.post.fails_with = SenderProblem("enough for today", taken)

    assert (carry(office), carry(office)) == (2, 0)

    assert letter(office).state is TransactionalState.SENT


def test_what_is_our_own_problem_is_tried_again(office: Office) -> None:
    office.post.fails_with = SenderProblem("no such password")
    assert carry(office) == 2
    assert letter(office).reason == knock(office).reason == "no such password"

    office.post.fails_with = None
    office.later(minutes=2)
    assert carry(office) == 2

    assert letter(office).state is TransactionalState.SENT
    assert knock(office).state is RequestState.MAILED
    assert len(office.post.sent) == 2
