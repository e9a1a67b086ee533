"""Pace: no more mails a second than allowed, over all workers together."""

import asyncio
from datetime import timedelta

import pytest

from flashmail.delivery import rate_limit
from flashmail.delivery.rate_limit import Limits
from office import NOON, Office


def test_whoever_comes_next_waits_for_the_moments_taken(office: Office) -> None:
    first = rate_limit.take(office.engine, 20, 10, now=NOON)
    second = rate_limit.take(office.engine, 5, 10, now=NOON)
    third = rate_limit.take(office.engine, 1, 10, now=NOON)

    assert [first, second, third] == [0, 2, 2.5]


def test_unused_time_is_not_made_up_for(office: Office) -> None:
    rate_limit.take(office.engine, 10, 10, now=NOON)
    later = NOON + timedelta(hours=1)

    assert rate_limit.take(office.engine, 10, 10, now=later) == 0
    assert rate_limit.take(office.engine, 10, 10, now=later) == 1


def test_a_clock_that_was_set_back_holds_nobody_up(office: Office) -> None:
    rate_limit.take(office.engine, 10, 10, now=NOON + timedelta(days=1))

    assert rate_limit.take(office.engine, 10, 10, now=NOON) == 0
    assert rate_limit.take(office.engine, 10, 10, now=NOON) == 1


@pytest.mark.parametrize(
    ("left", "count", "rate", "taken"),
    [(1000, 1, 400, 100), (50, 1, 400, 50), (1000, 1, 1, 1), (1000, 1000, 10, 1000)],
)
def test_moments_are_taken_for_a_quarter_of_a_second(
    left: int, count: int, rate: float, taken: int
) -> None:
    assert rate_limit.slice_of(left, count, rate) == taken


@pytest.mark.parametrize(
    ("largest", "rate", "size"),
    [(500, 0, 500), (500, 1000, 500), (500, 14, 28), (500, 0.1, 1), (1, 100, 1)],
)
def test_a_batch_is_two_seconds_at_most(largest: int, rate: float, size: int) -> None:
    assert rate_limit.batch_size(largest, rate) == size


def test_each_mail_goes_at_its_moment() -> None:
    taken: list[int] = []

    async def take(count: int) -> float:
        taken.append(count)
        return 0.005

    async def play() -> list[float]:
        loop = asyncio.get_running_loop()
        metronome, begun = rate_limit.Pacer(take, 1000, 3), loop.time()
        moments = []
        for _ in range(3):
            await metronome.wait(1)
            moments.append(loop.time() - begun)
        return moments

    moments = asyncio.run(play())

    assert taken == [3]
    for number, moment in enumerate(moments):
        assert moment >= 0.0045 + number / 1000


@pytest.mark.parametrize(
    ("limits", "day", "an_hour"),
    [
        (Limits(), 0, 0),
        (Limits(per_second=2), 0, 7200),
        (Limits(per_second=2, per_hour=900), 0, 900),
        (Limits(per_hour=900, warm_up_from=NOON.date()), 0, 200),
        (Limits(per_hour=900, warm_up_from=NOON.date()), 1, 400),
        (Limits(per_hour=900, warm_up_from=NOON.date()), 3, 900),
        (Limits(warm_up_from=NOON.date()), 13, 200 * 2**13),
        (Limits(warm_up_from=NOON.date()), 14, 0),
    ],
)
def test_the_narrowest_limit_holds(limits: Limits, day: int, an_hour: float) -> None:
    assert limits.at(NOON + timedelta(days=day)) * 3600 == pytest.approx(an_hour)
