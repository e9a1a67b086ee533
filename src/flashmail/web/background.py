"""What runs beside the pages in `flashmail serve`: ticker, worker, and counting.

APScheduler is the ticker only. What is due stands in our own table, so a second process
that ticks as well does no harm.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Thread
from typing import Any

import uvloop
from apscheduler.schedulers.background import BackgroundScheduler

from flashmail.reports.kept import count_again
from flashmail.sending.approve.link_checks import follow_asked
from flashmail.sending.engine.worker import Worker
from flashmail.sending.letters.porter import Porter
from flashmail.sending.plan.calendar import begin_due
from flashmail.tracking.totals import erase
from flashmail.web.audience.counting import count_everybody

#: Seconds between two looks at the calendar.
TICK = 1.0

#: Seconds between two looks at whether there are links to follow.
FOLLOWING = 2.0
#: Seconds between two looks for engagement that has to be erased.
ERASING = 3600.0

#: Seconds between two looks into the seeds' mailboxes.
LOOKING = 60.0

#: Seconds between two times that what waits is looked at: who knocked, who left while
#: the database was away.
CHORES = 5.0

#: Seconds between two looks at which figures are due, and between two headcounts.
COUNTING, HEADCOUNT = 5.0, 900.0


@contextmanager
def at_work(
    worker: Worker,
    *chores: Callable[[], object],
    kept: timedelta | None = None,
    look: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Tick and send as long as the context lasts; the batch in hand is finished.

    The chores are done at once, and every few seconds. `kept` is how long a campaign's
    opens and clicks may be people's; `look` looks after the seeds.
    """
    loop = uvloop.new_event_loop()
    stop = asyncio.Event()
    sending = Thread(target=_run, args=(loop, worker, stop), name="worker")
    ticker = _ticker(worker, kept, look)
    for chore in chores:
        ticker.add_job(
            chore,
            "interval",
            seconds=CHORES,
            next_run_time=datetime.now(UTC),
            coalesce=True,
            max_instances=1,
        )
    ticker.start()
    sending.start()
    try:
        yield
    finally:
        ticker.shutdown(wait=True)
        loop.call_soon_threadsafe(stop.set)
        sending.join()


def answer(porter: Porter) -> None:
    """Answer who has knocked."""
    porter.go(now=datetime.now(UTC))


def _run(loop: asyncio.AbstractEventLoop, worker: Worker, stop: asyncio.Event) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(worker.run(stop))
    loop.close()


def _erase(worker: Worker, kept: timedelta) -> None:
    erase(worker.engine, keep=kept, now=datetime.now(UTC))


def _ticker(
    worker: Worker, kept: timedelta | None, look: Callable[[], None] | None
) -> BackgroundScheduler:
    def tick() -> None:
        begin_due(
            worker.engine,
            batch_size=worker.transport.batch_size,
            missed_after=worker.missed_after,
            now=datetime.now(UTC),
        )

    def count() -> None:
        now = datetime.now(UTC)
        count_again(worker.engine, now=now, tracking=worker.tracking)

    def count_all() -> None:
        count_everybody(worker.engine, worker.home, now=datetime.now(UTC))

    def follow() -> None:
        follow_asked(worker.engine)

    ticker = BackgroundScheduler(timezone=UTC)
    once: dict[str, Any] = {"coalesce": True, "max_instances": 1}
    ticker.add_job(tick, "interval", seconds=TICK, **once)
    ticker.add_job(follow, "interval", seconds=FOLLOWING, **once)
    ticker.add_job(count, "interval", seconds=COUNTING, **once)
    if look is not None:
        ticker.add_job(look, "interval", seconds=LOOKING, **once)
    if kept is not None:
        erasing = partial(_erase, worker, kept)
        ticker.add_job(erasing, "interval", seconds=ERASING, **once)
    soon = datetime.now(UTC) + timedelta(seconds=COUNTING)
    ticker.add_job(count_all, "interval", seconds=HEADCOUNT, next_run_time=soon, **once)
    return ticker
