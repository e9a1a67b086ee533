"""What runs beside the pages in `flashmail serve`: a worker, and all the chores."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Thread

import uvloop

from flashmail.chores import SOON, Chore, done
from flashmail.sending.approve.link_checks import follow_asked
from flashmail.sending.engine.worker import Worker
from flashmail.sending.plan.calendar import begin_due

#: How often the calendar is looked at, and whether there are links to follow.
TICK, FOLLOWING = timedelta(seconds=1), timedelta(seconds=2)


@contextmanager
def at_work(
    worker: Worker, chores: Sequence[Chore], replay: Callable[[], object]
) -> Iterator[None]:
    """Do chores and send as long as the context lasts; the batch in hand is finished.

    `replay` tells the database who left while it was away: this process alone knows.
    """
    loop = uvloop.new_event_loop()
    stop = asyncio.Event()
    sending = Thread(target=_run, args=(loop, worker, stop), name="worker")
    own = [
        Chore(lambda now: _begin_due(worker, now), TICK),
        Chore(lambda _: follow_asked(worker.engine), FOLLOWING),
        Chore(lambda _: replay(), SOON),
    ]
    with done([*own, *chores], worker.engine, worker.name):
        sending.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stop.set)
    sending.join()


def _run(loop: asyncio.AbstractEventLoop, worker: Worker, stop: asyncio.Event) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(worker.run(stop))
    loop.close()


def _begin_due(worker: Worker, now: datetime) -> None:
    begin_due(
        worker.engine,
        batch_size=worker.transport.batch_size,
        missed_after=worker.missed_after,
        now=now,
    )
