"""Chores: what has to be done beside sending, by whichever process is at work.

APScheduler is the ticker only. What is due stands in our own tables, each piece of it
is taken by a conditional update, and so any number of processes may do chores. What
would only be done several times over is left to the one that holds the duty.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Thread

import uvloop
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine, or_, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col

from flashmail import bootstrap
from flashmail.campaigns.link_checks import run_checks
from flashmail.database import rows_changed, transaction, upsert
from flashmail.delivery.starting import start_due_campaigns
from flashmail.delivery.worker import Worker
from flashmail.model import LeaderLease
from flashmail.reports.cached import count_again
from flashmail.settings import Settings
from flashmail.tracking.engagement import erase

ALONE = "chores"

#: How long the duty stays with a process that shows no sign of life, and how often one
#: that lives shows it.
LEASE, RENEWED = timedelta(seconds=60), timedelta(seconds=20)

#: When they begin: by then a worker with a home that must not send has said so.
BEGIN = timedelta(seconds=1)

#: How often what waits is looked at: transactional mails, requests, figures that are
#: due.
SOON = timedelta(seconds=5)

#: How often everybody is counted, the seeds' mailboxes are looked into, and engagement
#: is looked for that has to be erased.
HEADCOUNT, LOOKING, FORGETTING = (
    timedelta(minutes=15),
    timedelta(minutes=1),
    timedelta(hours=1),
)


@dataclass(frozen=True)
class MaintenanceJob:
    """Something to be done every so often; `alone` by the holder of the duty only."""

    do: Callable[[datetime], object]
    every: timedelta
    alone: bool = False


def jobs(settings: Settings, worker: Worker) -> list[MaintenanceJob]:
    """Return what is to be done beside a worker, whether pages are served or not."""
    engine, home = worker.engine, worker.home
    sender = bootstrap.transactional_sender(settings, engine)
    chores = [
        MaintenanceJob(lambda now: sender.run(now=now), SOON),
        MaintenanceJob(
            lambda now: count_again(engine, now=now, tracking=worker.tracking),
            SOON,
            alone=True,
        ),
        MaintenanceJob(
            lambda now: bootstrap.count_everybody(engine, home, now=now),
            HEADCOUNT,
            alone=True,
        ),
    ]
    if look := bootstrap.seeds_looked_after(settings, engine):
        chores.append(MaintenanceJob(lambda _: look(), LOOKING, alone=True))
    if kept := bootstrap.engagement_kept(settings):
        forget = MaintenanceJob(
            lambda now: erase(engine, keep=kept, now=now), FORGETTING, alone=True
        )
        chores.append(forget)
    return chores


@contextmanager
def running(
    chores: Sequence[MaintenanceJob], engine: Engine, by: str
) -> Iterator[None]:
    """Do chores as long as the context lasts, each of them once near its beginning."""
    begin = datetime.now(UTC) + BEGIN
    ticker = BackgroundScheduler(timezone=UTC)
    renew = MaintenanceJob(lambda now: acquire_lease(engine, by, now=now), RENEWED)
    for each in (renew, *chores):
        ticker.add_job(
            _turn(each, engine, by),
            "interval",
            seconds=each.every.total_seconds(),
            next_run_time=begin,
            coalesce=True,
            max_instances=1,
        )
    ticker.start()
    try:
        yield
    finally:
        ticker.shutdown(wait=True)
        with suppress(DBAPIError):  # then its time runs out
            release_lease(engine, by)


def acquire_lease(engine: Engine, by: str, *, now: datetime) -> bool:
    """Take the duty, or keep it; return whether it is ours now."""
    with transaction(engine) as session:
        free = or_(col(LeaderLease.holder) == by, col(LeaderLease.expires_at) <= now)
        ours = session.execute(
            update(LeaderLease)
            .where(col(LeaderLease.name) == ALONE, free)
            .values(holder=by, expires_at=now + LEASE)
        )
        return rows_changed(ours) == 1 or _begin(session, by, now)


def release_lease(engine: Engine, by: str) -> None:
    """Let another process take the duty at once."""
    with transaction(engine) as session:
        session.execute(
            update(LeaderLease)
            .where(col(LeaderLease.name) == ALONE, col(LeaderLease.holder) == by)
            .values(expires_at=datetime.fromtimestamp(0, UTC))
        )


def _begin(session: Session, by: str, now: datetime) -> bool:
    """Be the first ever to hold it; of two only one is."""
    row = {"name": ALONE, "holder": by, "expires_at": now + LEASE}
    into = upsert(session, LeaderLease).values(row).on_conflict_do_nothing()
    return session.execute(into.returning(col(LeaderLease.name))).first() is not None


def _turn(chore: MaintenanceJob, engine: Engine, by: str) -> Callable[[], None]:
    def turn() -> None:
        now = datetime.now(UTC)
        if not chore.alone or acquire_lease(engine, by, now=now):
            chore.do(now)

    return turn


#: How often the calendar is looked at, and whether there are links to follow.
TICK, FOLLOWING = timedelta(seconds=1), timedelta(seconds=2)


@contextmanager
def worker_running(
    worker: Worker, chores: Sequence[MaintenanceJob], replay: Callable[[], object]
) -> Iterator[None]:
    """Do chores and send as long as the context lasts; the batch in hand is finished.

    `replay` tells the database of readers that left while it was away: only this
    process knows.
    """
    loop = uvloop.new_event_loop()
    stop = asyncio.Event()
    sending = Thread(target=_run, args=(loop, worker, stop), name="worker")
    own = [
        MaintenanceJob(lambda now: _begin_due(worker, now), TICK),
        MaintenanceJob(lambda _: run_checks(worker.engine), FOLLOWING),
        MaintenanceJob(lambda _: replay(), SOON),
    ]
    with running([*own, *chores], worker.engine, worker.name):
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
    start_due_campaigns(
        worker.engine,
        batch_size=worker.transport.batch_size,
        missed_after=worker.missed_after,
        now=now,
    )
