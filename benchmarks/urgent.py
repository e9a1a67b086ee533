"""How soon something urgent goes out while a million normal mails are being sent."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import uvloop
from sqlalchemy import Engine

from benchmarks import clients, letter, stock
from benchmarks.measure import Cost, Figure, Goal, by_clock, in_turns
from benchmarks.run import SQLITE, Run, addressed, clear, scheduled
from benchmarks.sink import sink
from flashmail.bootstrap import LANES
from flashmail.delivery.worker import Worker
from flashmail.message import Message
from flashmail.model import Priority
from flashmail.transports import Arm, Listener, Receipt, Recipient
from flashmail.transports.smtp import Smtp

#: Everybody gets the normal mail, a few of its readers the urgent one as well.
FEW = "Topic 7"

#: Normal mails that go out before the urgent one is approved.
BEFORE = 5_000


def figures(run: Run) -> Iterator[Figure]:
    engine = run.stocked(SQLITE)
    home = Path(str(engine.url.database)).parent
    with sink(run.place("urgent-sink")) as taker:
        made = partial(_wait, engine, home, taker.port)
        ways = {
            "busy": partial(made, run.batch_size, run.size(BEFORE)),
            "idle": partial(made, 0, 0),
        }
        costs = in_turns(ways, run.rounds)
    clear(engine)
    yield by_clock(
        f"urgent, {run.readers:,} others under way",
        "the same with nothing else to send",
        costs["busy"],
        costs["idle"],
        goal=Goal(seconds=2),
        remark=" from its approval to the first mail handed over",
    )


@dataclass
class Watch:
    """Passes mail on, and notes how many went before the first urgent one."""

    transport: Smtp
    stop: asyncio.Event
    before: int = 0
    urgent_at: float = 0
    arms_singly: bool = True
    batch_size: int = Smtp.batch_size
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        return await self.transport.send(message, recipients, Marked(self, arm))

    async def close(self) -> None:
        await self.transport.close()


class Marked:
    """An arm that tells the watch."""

    def __init__(self, watch: Watch, arm: Arm) -> None:
        assert isinstance(arm, Listener)
        self._watch, self._arm = watch, arm
        self.urgent, self.together, self.heard = arm.urgent, arm.together, arm.heard

    async def __call__(self, subscriber_ids: Sequence[int]) -> None:
        await self._arm(subscriber_ids)
        watch = self._watch
        watch.before -= len(subscriber_ids)
        if watch.before <= 0:
            watch.enough.set()
        if self.urgent and not watch.urgent_at:
            watch.urgent_at = time.perf_counter()
            watch.stop.set()


def _wait(engine: Engine, home: Path, port: int, batch_size: int, before: int) -> Cost:
    """Return how long the first urgent mail waits, behind normal ones or none."""
    clear(engine)
    if batch_size:
        addressed(engine, stock.NEWS, batch_size=batch_size)

    async def work() -> float:
        stop = asyncio.Event()
        watch = Watch(clients.smtp(port), stop, before)
        worker = Worker(engine, watch, letter.TOKENS, home=home, lanes=LANES)
        running = asyncio.create_task(worker.run(stop))
        if before:
            await watch.enough.wait()
        begun = time.perf_counter()
        await asyncio.to_thread(scheduled, engine, FEW, priority=Priority.URGENT)
        await running
        return watch.urgent_at - begun

    return Cost(uvloop.run(work()), 0)
