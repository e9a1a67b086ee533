"""Workers in processes of their own, on several homes and one PostgreSQL database."""

import asyncio
import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlmodel import select

from flashmail.database import connect, transaction
from flashmail.delivery.dispatch_procrastinate import SCHEMA, TASK, Procrastinate
from flashmail.delivery.instance import InstanceFence, fenced
from flashmail.delivery.worker import Worker
from flashmail.model import (
    Batch,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
    Subscriber,
    Subscription,
)
from mortal import TOKENS, Provider
from office import NOON, Office

BATCH, LANES = 10, 2

#: How many mails one worker has in hand at most.
IN_HAND = BATCH * LANES

#: How long a worker rests in these scenes after something went wrong.
RECOVER = 0.2


class Fleet:
    """Homes `one` and `two` on one database, and a provider that they share."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.accepted = folder / "accepted"
        self.accepted.touch()
        self.processes: list[multiprocessing.Process] = []
        for name in ("one", "two"):
            (folder / name).mkdir()
        with self.engine() as engine:
            with fenced(engine, folder / "one"):
                pass
            InstanceFence(engine, folder / "two").adopt(beside=True)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        engine = connect(self.url)
        try:
            yield engine
        finally:
            engine.dispose()

    def follow(self, topic: str, people: range) -> None:
        with self.engine() as engine, transaction(engine) as session:
            topic_id = Office(engine).topic(topic)
            for number in people:
                address = f"reader{number}@example.org"
                session.add(
                    Subscriber(id=number, address=address, key=address, created_at=NOON)
                )
            session.flush()
            for number in people:
                session.add(Subscription(subscriber_id=number, topic_id=topic_id))

    def schedule(self, topic: str = "Iran", *, urgent: bool = False) -> None:
        with self.engine() as engine:
            office = Office(engine)
            office.now = office.now.now(office.now.tzinfo)
            office.schedule(topic, topic, urgent=urgent)

    def start(self, home: str = "one", delay: float = 0) -> multiprocessing.Process:
        """Start a worker; the provider takes `delay` seconds for each mail."""
        context = multiprocessing.get_context("fork")
        process = context.Process(target=self._work, args=(home, delay))
        process.start()
        self.processes.append(process)  # type: ignore[arg-type]
        return process  # type: ignore[return-value]

    def _work(self, home: str, delay: float) -> None:
        engine = connect(self.url)
        worker = Worker(
            engine,
            Provider(self.accepted, True, lambda: None, delay, BATCH),
            TOKENS,
            home=self.folder / home,
            lanes=LANES,
            dispatch=Procrastinate(engine, recover=RECOVER),
            recover=RECOVER,
        )
        asyncio.run(_until_told(worker))

    def stop(self, *processes: multiprocessing.Process) -> None:
        """Ask workers to stop; assert that they end in peace."""
        for each in processes:
            each.terminate()
        for each in processes:
            each.join(20)
            assert each.exitcode == 0

    def clean_up(self) -> None:
        for each in self.processes:
            if each.is_alive():
                each.kill()
            each.join()

    def wait(self, until: Callable[[], bool], seconds: float = 40) -> None:
        begun = time.monotonic()
        while not until():
            assert time.monotonic() - begun < seconds, "it takes too long"
            time.sleep(0.05)

    def accepts(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.mailed()) >= count

    def mailed(self) -> list[str]:
        return self.accepted.read_text().split()

    def status(self, campaign_id: int) -> CampaignStatus:
        with self.engine() as engine:
            return Office(engine).status(campaign_id)

    def is_sent(self) -> bool:
        with self.engine() as engine, transaction(engine) as session:
            statuses = session.exec(select(Campaign.status)).all()
        return all(status is CampaignStatus.SENT for status in statuses)

    def expire(self, process: multiprocessing.Process) -> None:
        """Let the leases and signs of life of a worker be over."""
        with self.job_tables() as connection:
            change = text(
                "UPDATE batch SET lease_until = '2020-01-01' WHERE worker LIKE :worker"
            )
            connection.execute(change, {"worker": f"%:{process.pid}:%"})
            connection.execute(
                text("UPDATE procrastinate_workers SET last_heartbeat = '2020-01-01'")
            )

    def jobs(self, status: str) -> int:
        """Return how many jobs for batches there are."""
        with self.job_tables() as connection:
            count: int = connection.execute(
                text(
                    "SELECT count(*) FROM procrastinate_jobs"
                    f" WHERE status = '{status}' AND task_name = '{TASK}'"
                )
            ).scalar_one()
        return count

    @contextmanager
    def job_tables(self) -> Iterator[Connection]:
        with self.engine() as engine, engine.begin() as connection:
            connection.execute(text(f"SET LOCAL search_path = {SCHEMA}, public"))
            yield connection

    def took_part(self) -> set[str]:
        """Return the process ids of the workers that had the batches last."""
        with self.engine() as engine, transaction(engine) as session:
            names = session.exec(select(Batch.worker)).all()
        return {name.split(":")[-2] for name in names if name}

    def check(self, people: int) -> Counter[DeliveryState]:
        """Assert what is promised; return how many deliveries are in which state."""
        with self.engine() as engine, transaction(engine) as session:
            rows = session.exec(
                select(Subscriber.address, Delivery.state).join(
                    Delivery,
                    Delivery.subscriber_id == Subscriber.id,  # type: ignore[arg-type]
                )
            ).all()
        accepted = Counter(self.mailed())
        assert self.is_sent()
        assert len(rows) == people, "everyone is accounted for"
        assert max(accepted.values()) == 1, "nobody got it twice"
        for address, state in rows:
            if state == DeliveryState.SENT:
                assert accepted[address] == 1, "sent means accepted"
            else:
                assert state == DeliveryState.UNKNOWN
        return Counter(DeliveryState(state) for _, state in rows)


async def _until_told(worker: Worker) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await worker.run(stop)
