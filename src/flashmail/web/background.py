"""What runs beside the pages in `flashmail serve`: the ticker and a worker.

APScheduler is the ticker only. What is due stands in our own table, so a second process
that ticks as well does no harm.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread

import uvloop
from apscheduler.schedulers.background import BackgroundScheduler

from flashmail.sending.calendar import begin_due
from flashmail.sending.worker import Worker

#: Seconds between two looks at the calendar.
TICK = 1.0


@contextmanager
def at_work(worker: Worker) -> Iterator[None]:
    """Tick and send as long as the context lasts; the batch in hand is finished."""
    loop = uvloop.new_event_loop()
    stop = asyncio.Event()
    sending = Thread(target=_run, args=(loop, worker, stop), name="worker")
    ticker = _ticker(worker)
    ticker.start()
    sending.start()
    try:
        yield
    finally:
        ticker.shutdown(wait=True)
        loop.call_soon_threadsafe(stop.set)
        sending.join()


def _run(loop: asyncio.AbstractEventLoop, worker: Worker, stop: asyncio.Event) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(worker.run(stop))
    loop.close()


def _ticker(worker: Worker) -> BackgroundScheduler:
    def tick() -> None:
        begin_due(
            worker.engine,
            batch_size=worker.transport.batch_size,
            missed_after=worker.missed_after,
            now=datetime.now(UTC),
        )

    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    ticker = BackgroundScheduler(timezone=UTC)
    ticker.add_job(tick, "interval", seconds=TICK, coalesce=True, max_instances=1)
    return ticker
