"""Transactional mails: each is handed over once; what is not known is not repeated."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlmodel import col, select

from flashmail.addresses import parse_address
from flashmail.campaigns.content import MailKit
from flashmail.database import reading, transaction
from flashmail.model import (
    RequestState,
    SubscriptionRequest,
    TransactionalKind,
    TransactionalMail,
    TransactionalState,
)
from flashmail.rendering import Renderer
from flashmail.subscribers.preferences import ConsentSource
from flashmail.subscribers.requests import request_subscription
from flashmail.transactional.queue import TransactionalSender, notify_staff
from flashmail.transports import Outcome, Receipt, SenderProblem
from office import PRESS, Office

FORM = ConsentSource("1", "/join")


@pytest.fixture
def office(office: Office) -> Office:
    """Edna has to know something, and Anne wants to subscribe."""
    office.now = datetime.now(UTC)
    notice(office)
    with transaction(office.engine) as session:
        anne = parse_address("a@example.org")
        request_subscription(session, anne, {}, "", where=FORM, now=office.now)
    return office


def notice(office: Office, subject: str = "Alarm") -> None:
    edna = ["edna@example.org"]
    with transaction(office.engine) as session:
        notify_staff(session, edna, subject, "!", by="us", now=office.now)


def send(
    office: Office, kit: MailKit = PRESS, trouble: BaseException | None = None
) -> int:
    """Let the queue run; return how many mails it tried to hand over."""
    tries: list[object] = []

    def tried() -> None:
        tries.append(None)
        if trouble:
            raise trouble

    office.post.before = tried
    TransactionalSender(office.engine, lambda: office.post, kit, office.tokens).run(
        now=office.now
    )
    return len(tries)


def mails(office: Office) -> list[TransactionalMail]:
    with reading(office.engine) as session:
        rows = select(TransactionalMail).order_by(col(TransactionalMail.id))
        return list(session.exec(rows))


def states(office: Office) -> list[TransactionalState]:
    return [each.state for each in mails(office)]


def reasons(office: Office) -> list[str]:
    return [each.reason for each in mails(office)]


def request(office: Office) -> SubscriptionRequest:
    found: SubscriptionRequest = office.get(SubscriptionRequest, 1)
    return found


def test_one_queue_sends_every_kind_of_mail(office: Office) -> None:
    assert send(office) == 2
    assert send(office) == 0

    kinds = [TransactionalKind.STAFF_NOTICE, TransactionalKind.CONFIRMATION]
    assert [each.kind for each in mails(office)] == kinds
    assert set(states(office)) == {TransactionalState.SENT}
    assert [to.address for _, to in office.post.sent] == [
        "edna@example.org",
        "a@example.org",
    ]
    assert request(office).state is RequestState.MAILED


def test_a_failure_that_nobody_expected_may_have_been_a_mail(office: Office) -> None:
    office.post.fails_with = RuntimeError("the line went dead")
    assert send(office) == 2

    office.post.fails_with = None
    office.later(hours=1)
    assert send(office) == 0

    assert set(states(office)) == {TransactionalState.CLAIMED}
    assert request(office).state is RequestState.MAILED
    for reason in (*reasons(office), request(office).reason):
        assert reason == "nobody knows whether it went: the line went dead"


def test_killed_before_the_answer_it_is_not_sent_again(office: Office) -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            send(office, trouble=KeyboardInterrupt())
    office.later(hours=1)

    assert send(office) == 0
    assert set(states(office)) == {TransactionalState.CLAIMED}


def test_what_was_taken_before_the_trouble_was_taken(office: Office) -> None:
    taken = [Receipt(1, Outcome.ACCEPTED)]
    office.post.fails_with = SenderProblem("enough for today", taken)

    assert (send(office), send(office)) == (2, 0)

    assert mails(office)[0].state is TransactionalState.SENT


def test_what_is_our_own_problem_is_tried_again(office: Office) -> None:
    office.post.fails_with = SenderProblem("no such password")
    assert send(office) == 2
    assert request(office).state is RequestState.PENDING
    for reason in (*reasons(office), request(office).reason):
        assert reason == "no such password"

    office.post.fails_with = None
    assert send(office) == 0
    office.later(minutes=2)
    assert send(office) == 2

    assert set(states(office)) == {TransactionalState.SENT}
    assert request(office).state is RequestState.MAILED
    assert len(office.post.sent) == 2


def test_a_mail_that_cannot_be_composed_fails_alone(office: Office) -> None:
    notice(office, "All clear")
    no_templates = replace(PRESS, renderer=Renderer([], PRESS.renderer._site))

    assert send(office, no_templates) == 2

    assert states(office) == [
        TransactionalState.SENT,
        TransactionalState.FAILED,
        TransactionalState.SENT,
    ]
    assert "confirm" in mails(office)[1].reason
    assert office.post.subjects == ["Alarm", "All clear"]


def test_a_request_that_is_forgotten_takes_its_mail_along(office: Office) -> None:
    send(office)
    office.later(days=60)
    notice(office)
    send(office)

    kinds = {each.kind for each in mails(office)}
    assert kinds == {TransactionalKind.STAFF_NOTICE}
