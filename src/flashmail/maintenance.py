"""Maintenance: all background work beside sending, and the scheduler that runs it.

`jobs` is the table of what any process at work does, `server_jobs` of what only the one
with the pages does. APScheduler is the ticker only. What is due stands in our own
tables, each piece of it is taken by a conditional update, and so any number of
processes may run these jobs. What would only be done several times over is left to the
leader: the process that holds the lease.

What has to be done before each claim is the worker's own (`Worker.housekeep`): it runs
behind the fence that keeps a restored copy from sending.
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

#: The lease of the process that runs the jobs of `leader_only`.
LEASE_NAME = "maintenance"

#: How long the lease stays with a process that shows no sign of life, and how often one
#: that lives shows it.
LEASE, RENEWED = timedelta(seconds=60), timedelta(seconds=20)

#: When the jobs begin: by then a worker with a home that must not send has said so.
BEGIN = timedelta(seconds=1)


@dataclass(frozen=True)
class MaintenanceJob:
    """A job to be done every so often; `leader_only` by the holder of the lease."""

    name: str
    every: timedelta
    do: Callable[[datetime], object]
    leader_only: bool = False


def jobs(settings: Settings, worker: Worker) -> list[MaintenanceJob]:
    """Return the jobs beside a worker, whether pages are served or not."""
    engine, home = worker.engine, worker.home
    sender = bootstrap.transactional_sender(settings, engine)
    job, seconds, minutes = MaintenanceJob, _seconds, _minutes
    found = [
        job("transactional mails", seconds(5), lambda now: sender.run(now=now)),
        job(
            "figures",
            seconds(5),
            lambda now: count_again(engine, now=now, tracking=worker.tracking),
            leader_only=True,
        ),
        job(
            "headcount",
            minutes(15),
            lambda now: bootstrap.count_everybody(engine, home, now=now),
            leader_only=True,
        ),
    ]
    if look := bootstrap.seeds_looked_after(settings, engine):
        found.append(job("seeds", minutes(1), lambda _: look(), leader_only=True))
    if kept := bootstrap.engagement_kept(settings):
        found.append(
            job(
                "erase engagement",
                minutes(60),
                lambda now: erase(engine, keep=kept, now=now),
                leader_only=True,
            )
        )
    return found


def server_jobs(worker: Worker, replay: Callable[[], object]) -> list[MaintenanceJob]:
    """Return the jobs of the process that serves the pages.

    `replay` tells the database of readers that left while it was away: only this
    process knows.
    """
    job, seconds = MaintenanceJob, _seconds
    return [
        job("start campaigns", seconds(1), lambda now: _begin_due(worker, now)),
        job("link checks", seconds(2), lambda _: run_checks(worker.engine)),
        job("replay unsubscribes", seconds(5), lambda _: replay()),
    ]


def _seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


@contextmanager
def running(todo: Sequence[MaintenanceJob], engine: Engine, by: str) -> Iterator[None]:
    """Run jobs as long as the context lasts, each of them once near its beginning."""
    begin = datetime.now(UTC) + BEGIN
    ticker = BackgroundScheduler(timezone=UTC)
    for each in (_renewal(engine, by), *todo):
        ticker.add_job(
            _turn(each, engine, by),
            "interval",
            name=each.name,
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


def _renewal(engine: Engine, by: str) -> MaintenanceJob:
    return MaintenanceJob(
        "renew the lease", RENEWED, lambda now: acquire_lease(engine, by, now=now)
    )


def acquire_lease(engine: Engine, by: str, *, now: datetime) -> bool:
    """Take the lease, or keep it; return whether it is ours now."""
    with transaction(engine) as session:
        free = or_(col(LeaderLease.holder) == by, col(LeaderLease.expires_at) <= now)
        ours = session.execute(
            update(LeaderLease)
            .where(col(LeaderLease.name) == LEASE_NAME, free)
            .values(holder=by, expires_at=now + LEASE)
        )
        return rows_changed(ours) == 1 or _begin(session, by, now)


def release_lease(engine: Engine, by: str) -> None:
    """Let another process take the lease at once."""
    with transaction(engine) as session:
        session.execute(
            update(LeaderLease)
            .where(col(LeaderLease.name) == LEASE_NAME, col(LeaderLease.holder) == by)
            .values(expires_at=datetime.fromtimestamp(0, UTC))
        )


def _begin(session: Session, by: str, now: datetime) -> bool:
    """Be the first ever to hold it; of two only one is."""
    row = {"name": LEASE_NAME, "holder": by, "expires_at": now + LEASE}
    into = upsert(session, LeaderLease).values(row).on_conflict_do_nothing()
    return session.execute(into.returning(col(LeaderLease.name))).first() is not None


def _turn(job: MaintenanceJob, engine: Engine, by: str) -> Callable[[], None]:
    def turn() -> None:
        now = datetime.now(UTC)
        if not job.leader_only or acquire_lease(engine, by, now=now):
            job.do(now)

    return turn


@contextmanager
def worker_running(worker: Worker, todo: Sequence[MaintenanceJob]) -> Iterator[None]:
    """Send and run jobs as long as the context lasts; the batch in hand is finished."""
    loop = uvloop.new_event_loop()
    stop = asyncio.Event()
    sending = Thread(target=_run, args=(loop, worker, stop), name="worker")
    with running(todo, worker.engine, worker.name):
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
