"""Failover: the second way out takes only what the first surely did not."""

import asyncio

import pytest

from flashmail.message import Message
from flashmail.transports import Outcome, Receipt, Recipient, SenderProblem
from flashmail.transports.base import Failover
from office import Post

ANNE, BART = Recipient(1, "anne@example.org"), Recipient(2, "bart@example.org")


async def arm(_: object) -> None:
    pass


def send(first: Post, second: Post) -> list[Receipt]:
    way = Failover(first, second)
    return asyncio.run(way.send(Message("Storm", "", ""), [ANNE, BART], arm))


def test_the_second_rests_while_the_first_works() -> None:
    first, second = Post(), Post()

    send(first, second)

    assert (len(first.sent), len(second.sent)) == (2, 0)


def test_the_second_takes_over_when_the_first_is_down() -> None:
    second = Post()

    receipts = send(Post(outcome=Outcome.LATER), second)

    assert len(second.sent) == 2
    assert {each.outcome for each in receipts} == {Outcome.ACCEPTED}


def test_the_second_takes_over_when_the_first_turns_us_away() -> None:
    second = Post()

    send(Post(fails_with=SenderProblem("535 5.7.8 bad credentials")), second)

    assert len(second.sent) == 2


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.REFUSED])
def test_what_may_have_arrived_is_never_sent_a_second_way(outcome: Outcome) -> None:
    second = Post()

    receipts = send(Post(outcome=outcome), second)

    assert second.sent == []
    assert {each.outcome for each in receipts} == {outcome}
