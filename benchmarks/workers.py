"""Several workers on one database, each in a process of its own."""

import asyncio
import logging
import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import uvloop
from sqlalchemy import Engine
from sqlmodel import func, select

from benchmarks import clients, letter, stock
from benchmarks.measure import Cost, timed
from benchmarks.run import addressed, clear
from flashmail.bootstrap import LANES
from flashmail.database import connect, reading
from flashmail.delivery.worker import Worker
from flashmail.model import Batch, BatchState, Delivery, DeliveryState
from flashmail.transports.smtp import Smtp

#: Seconds between two looks whether all is done.
LOOK = 0.03


def workers(engine: Engine, home: Path, port: int, mails: int, count: int) -> Cost:
    """Send to the first so many readers with so many workers, loaded before."""
    clear(engine)
    addressed(engine, stock.NEWS, batch_size=Smtp.batch_size)
    url = engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    begin = context.Barrier(count + 1)
    processes = [
        context.Process(target=_work, args=(url, home, port, begin))
        for _ in range(count)
    ]
    for each in processes:
        each.start()
    begin.wait()
    cost = timed(lambda: [each.join() for each in processes], mails)
    with reading(engine) as session:
        sent = select(func.count()).where(Delivery.state == DeliveryState.SENT)
        assert session.exec(sent).one() == mails
    return cost


def _work(url: str, home: Path, port: int, begin: Barrier) -> None:
    logging.disable(logging.WARNING)
    engine = connect(url)
    begin.wait()

    async def work() -> None:
        stop = asyncio.Event()
        transport = clients.smtp(port)
        worker = Worker(engine, transport, letter.TOKENS, home=home, lanes=LANES)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(worker.run(stop))
            tasks.create_task(_until_all_is_sent(engine, stop))

    uvloop.run(work())


async def _until_all_is_sent(engine: Engine, stop: asyncio.Event) -> None:
    left = select(func.count()).where(Batch.state != BatchState.DONE)
    while not stop.is_set():
        await asyncio.sleep(LOOK)
        with reading(engine) as session:
            if not session.exec(left).one():
                stop.set()
