"""Pace: no more mails a second than the provider allows, however many workers send.

A worker takes the next moments for itself when it claims, and then hands over one mail
at each of them. Batches are cut small where the pace is slow, so that what is urgent
never waits for more than two seconds of somebody else's moments.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import select

from flashmail.database import transaction
from flashmail.model import Pace

#: The row of the one limit there is.
NAME = "transport"

#: A new sending address begins with so many mails an hour, and doubles them each day:
#: providers distrust whoever sends much at once and never did before.
FIRST_DAY, WARM_UP_DAYS = 200, 14

#: For how many seconds of sending a batch is made, at most.
BATCH_SECONDS = 2


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
