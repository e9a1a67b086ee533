"""The clock that workers go by: leases and moments mean the same on every machine.

A worker whose own clock is wrong would give up the leases of others too early, or have
its own given up. So where a database is shared by machines, its clock counts.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from flashmail.database import AWAY, reading

#: For so many seconds the database is not asked again.
TRUSTED_FOR = 30.0

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def clock_of(engine: Engine) -> Clock:
    """Return the clock of all who work on a database; SQLite's is this machine's."""
    is_shared = engine.dialect.name == "postgresql"
    return DatabaseClock(engine) if is_shared else utc_now


class DatabaseClock:
    """PostgreSQL's clock, asked now and then, and counted on from there.

    `ticks` are seconds from no matter when, of a clock that nobody sets.
    """

    def __init__(
        self, engine: Engine, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._ticks = engine, ticks
        self._answer: tuple[float, datetime] | None = None
        self._ask_again_at = 0.0

    def __call__(self) -> datetime:
        if self._answer is None:
            self._answer = self._ask()
        elif self._ticks() > self._ask_again_at:
            # What it said last is good enough as long as it is away.
            with suppress(*AWAY):
                self._answer = self._ask()
        asked_at, answer = self._answer
        return answer + timedelta(seconds=self._ticks() - asked_at)

    def _ask(self) -> tuple[float, datetime]:
        begun = self._ticks()
        self._ask_again_at = begun + TRUSTED_FOR
        with reading(self._engine) as session:
            answer = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        # It looked at its clock somewhere between our question and its answer.
        return (begun + self._ticks()) / 2, answer.astimezone(UTC)
