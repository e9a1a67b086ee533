"""Pace: no more mails a second than the provider allows, however many workers send.

A worker takes the next moments for itself, a few at a time, and hands over one mail at
each of them. Batches are cut small where the pace is slow. So what is urgent never
waits for long: a batch in hand has taken a quarter of a second at most.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import select

from flashmail.database import transaction
from flashmail.model import RateLimit

#: The row of the one limit there is.
NAME = "transport"

#: A new sending address begins with so many mails an hour, and doubles them each day:
#: providers distrust a sender of much at once that never did so before.
FIRST_DAY, WARM_UP_DAYS = 200, 14

#: For how many seconds of sending a batch is made, at most, and moments are taken.
BATCH_SECONDS, SLICE_SECONDS = 2, 0.25

#: Nobody can have taken moments so far ahead. If they are, the clock was set back.
FARTHEST = timedelta(seconds=60)


@dataclass(frozen=True)
class Limits:
    """How much may be sent: a second, an hour (0: no limit), and while warming up."""

    per_second: float = 0
    per_hour: int = 0
    warm_up_from: date | None = None

    def at(self, now: datetime) -> float:
        """Return how many mails a second may go now; 0 for no limit."""
        limits = (self.per_second, self.per_hour / 3600, self._warming_up(now) / 3600)
        return min((limit for limit in limits if limit), default=0)

    def _warming_up(self, now: datetime) -> float:
        if self.warm_up_from is None:
            return 0
        day = max((now.date() - self.warm_up_from).days, 0)
        return FIRST_DAY * 2.0**day if day < WARM_UP_DAYS else 0


NO_LIMITS = Limits()


def batch_size(largest: int, rate: float) -> int:
    """Return how many deliveries one batch holds, at `rate` a second (0: no limit)."""
    return min(largest, max(1, int(rate * BATCH_SECONDS))) if rate else largest


def slice_of(left: int, count: int, rate: float) -> int:
    """Return for how many of the `left` mails to take moments, `count` at least."""
    return max(count, min(left, int(rate * SLICE_SECONDS)))


def take(engine: Engine, count: int, rate: float, *, now: datetime) -> float:
    """Take the next moments for `count` mails; return in how many seconds they begin.

    All workers have to go by the same clock, as that of the database.
    """
    with transaction(engine) as session:
        rows = select(RateLimit).where(RateLimit.name == NAME).with_for_update()
        pace = session.exec(rows).one_or_none() or RateLimit(
            name=NAME, reserved_until=now
        )
        taken = pace.reserved_until - now <= FARTHEST
        begin = max(pace.reserved_until, now) if taken else now
        pace.reserved_until = begin + timedelta(seconds=count / rate)
        session.add(pace)
        return (begin - now).total_seconds()


class Pacer:
    """Lets a batch's `left` mails go one after another, each at its own moment.

    It goes by the event loop's clock, which nobody sets: `take` says how far off the
    next so many moments are.
    """

    def __init__(
        self, take: Callable[[int], Awaitable[float]], rate: float, left: int
    ) -> None:
        self._take, self._rate, self._left = take, rate, left
        self._taken = 0
        self._next = 0.0

    async def wait(self, count: int) -> None:
        """Return when the next `count` mails may go."""
        loop = asyncio.get_running_loop()
        if self._taken < count:
            self._taken = slice_of(self._left, count, self._rate)
            self._next = loop.time() + await self._take(self._taken)
        moment = self._next
        self._next += count / self._rate
        self._taken -= count
        self._left -= count
        await asyncio.sleep(max(0, moment - loop.time()))
