"""A worker in a process of its own that can be killed, and a provider that remembers.

The provider is a file: one line for each mail that it accepted, written by the worker's
process right where a network would carry the mail away. What stands in it happened.
"""

import asyncio
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Self

from sqlalchemy import Engine, event
from sqlmodel import select

from flashmail.database import connect, reading, utc_now
from flashmail.delivery.dispatch import Polling
from flashmail.delivery.worker import Worker
from flashmail.links import Tokens
from flashmail.message import Message
from flashmail.model import (
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
    Subscriber,
)
from flashmail.transports import Arm, Listener, Outcome, Receipt, Recipient
from trial import installed

TOKENS = Tokens.of(["k" * 32])

#: Called at each point at which a worker could die.
Point = Callable[[], None]


@dataclass
class Provider:
    """A transport that writes down whom it accepted."""

    accepted: Path
    arms_singly: bool
    point: Point
    delay: float = 0
    batch_size: int = 2

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        if not self.arms_singly:
            await arm([each.subscriber_id for each in recipients])
        return list(
            await asyncio.gather(*(self._one(each, arm) for each in recipients))
        )

    async def _one(self, recipient: Recipient, arm: Arm) -> Receipt:
        self.point()
        if self.arms_singly:
            await arm([recipient.subscriber_id])
        await asyncio.sleep(self.delay)
        self.point()
        with self.accepted.open("ab") as file:
            file.write(f"{recipient.address}\n".encode())
        self.point()
        receipt = Receipt(recipient.subscriber_id, Outcome.ACCEPTED)
        if isinstance(arm, Listener):
            arm.heard([recipient.subscriber_id])
        return receipt

    async def close(self) -> None:
        pass


class Scene:
    """An installation on disk, with one campaign in the queue."""

    def __init__(self, home: Path, people: int, *, arms_singly: bool) -> None:
        self.people, self.arms_singly = people, arms_singly
        self.home, self.accepted = home, home / "accepted"

    @classmethod
    def begin(cls, home: Path, people: int, *, arms_singly: bool) -> Self:
        scene = cls(home, people, arms_singly=arms_singly)
        with installed(home, people) as office:
            office.now = utc_now()
            office.schedule()
        scene.accepted.touch()
        return scene

    def again(self, home: Path) -> Self:
        """Return the same scene, anew in another folder."""
        shutil.copytree(self.home, home)
        return type(self)(home, self.people, arms_singly=self.arms_singly)

    def engine(self) -> Engine:
        return connect(f"sqlite:///{self.home}/flashmail.db")

    def start(self, die_at: int = 0, delay: float = 0) -> ForkProcess:
        """Start a worker, to be killed at its n-th point; 0 lets it live."""
        work = self._work
        process = get_context("fork").Process(target=work, args=(die_at, delay))
        process.start()
        return process

    def finish(self) -> float:
        """Let a worker run to the campaign's end; return how long that took."""
        begun = time.monotonic()
        process = self.start()
        process.join(60)
        assert process.exitcode == 0
        return time.monotonic() - begun

    def _work(self, die_at: int, delay: float) -> None:
        passed = 0

        def point() -> None:
            nonlocal passed
            passed += 1
            if passed == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

        engine = self.engine()
        for name in ("before_cursor_execute", "commit"):
            event.listen(engine, name, lambda *_: point())
        provider = Provider(self.accepted, self.arms_singly, point, delay)
        polling = Polling(idle=0.01)
        worker = Worker(
            engine, provider, TOKENS, home=self.home, lanes=2, dispatch=polling
        )
        asyncio.run(_until_done(worker))
        if passed < die_at:
            os._exit(7)  # there were not so many points

    def sent_all_the_same(self) -> int:
        """Return how many of the unknown the provider accepted."""
        known = self.people - self.check()[DeliveryState.UNKNOWN]
        return len(self.accepted.read_text().split()) - known

    def check(self) -> Counter[DeliveryState]:
        """Assert what is promised; return how many deliveries are in which state."""
        engine = self.engine()
        with reading(engine) as session:
            rows = session.exec(
                select(Subscriber.address, Delivery.state).join(
                    Delivery,
                    Delivery.subscriber_id == Subscriber.id,  # type: ignore[arg-type]
                )
            ).all()
            status = session.exec(select(Campaign.status)).one()
        engine.dispose()
        accepted = Counter(self.accepted.read_text().split())
        states = Counter(DeliveryState(state) for _, state in rows)
        assert status is CampaignStatus.SENT
        assert not list((self.home / "journal").iterdir()), "no journal is left over"
        assert len(rows) == self.people, "everyone is accounted for"
        assert max(accepted.values(), default=0) <= 1, "nobody got it twice"
        for address, state in rows:
            if state == DeliveryState.SENT:
                assert accepted[address] == 1, "sent means accepted"
            else:
                assert state == DeliveryState.UNKNOWN
        return states


async def _until_done(worker: Worker) -> None:
    stop = asyncio.Event()
    work = asyncio.create_task(worker.run(stop))
    while not work.done():
        with reading(worker.engine) as session:
            status = session.exec(select(Campaign.status)).one()
        if status is CampaignStatus.SENT:
            stop.set()
        await asyncio.sleep(0.01)
    await work
