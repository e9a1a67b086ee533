"""Pace: no more mails a second than the provider allows, however many workers send.

A worker takes the next moments for itself when it claims, and then hands over one mail
at each of them. Batches are cut small where the pace is slow, so that what is urgent
never waits for more than two seconds of somebody else's moments.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import select

from flashmail.database import transaction
from flashmail.model import Pace

#: The row of the one limit there is.
NAME = "transport"

#: For how many seconds of sending a batch is made, at most.
BATCH_SECONDS = 2


def batch_size(largest: int, rate: float) -> int:
    """Return how many deliveries one batch holds, at `rate` a second (0: no limit)."""
    return min(largest, max(1, int(rate * BATCH_SECONDS))) if rate else largest


def take(engine: Engine, count: int, rate: float, *, now: datetime) -> datetime:
    """Take the next moments for `count` mails; return the first of them."""
    with transaction(engine) as session:
        rows = select(Pace).where(Pace.name == NAME).with_for_update()
        pace = session.exec(rows).one_or_none() or Pace(name=NAME, taken_until=now)
        begin = max(pace.taken_until, now)
        pace.taken_until = begin + timedelta(seconds=count / rate)
        session.add(pace)
        return begin


class Metronome:
    """Lets a batch's mails go one after another, each at its own moment."""

    def __init__(self, begin: datetime, rate: float, clock: Callable[[], datetime]):
        self._next, self._step, self._clock = begin, timedelta(seconds=1 / rate), clock

    async def wait(self, count: int) -> None:
        """Return when the next `count` mails may go."""
        moment = self._next
        self._next += self._step * count
        while (rest := (moment - self._clock()).total_seconds()) > 0:
            await asyncio.sleep(rest)
