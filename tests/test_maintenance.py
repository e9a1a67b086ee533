"""Chores: done by whichever process is at work, once however many there are."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from flashmail import bootstrap
from flashmail.addresses import parse_address
from flashmail.database import reading, transaction
from flashmail.maintenance import LEASE, acquire_lease, release_lease
from flashmail.model import (
    ALL_LINKS,
    EngagementTotal,
    Headcount,
    RequestState,
    SubscriptionRequest,
    TransactionalMail,
    TransactionalState,
)
from flashmail.settings import load
from flashmail.subscribers.preferences import ConsentSource
from flashmail.subscribers.requests import request_subscription
from flashmail.tracking.engagement import erase
from flashmail.transactional.queue import notify_staff
from office import NOON, Office
from shell import Home

FORM = ConsentSource("1", "/join")

LETTERS = 5


def test_one_process_has_the_duty_as_long_as_it_lives(office: Office) -> None:
    engine = office.engine
    assert acquire_lease(engine, "one", now=NOON)
    assert not acquire_lease(engine, "two", now=NOON)

    soon = NOON + LEASE / 2
    assert acquire_lease(engine, "one", now=soon)
    assert not acquire_lease(engine, "two", now=NOON + LEASE)

    assert acquire_lease(engine, "two", now=soon + LEASE)
    assert not acquire_lease(engine, "one", now=soon + LEASE)


def test_who_ends_lets_another_one_go_on_at_once(office: Office) -> None:
    assert acquire_lease(office.engine, "one", now=NOON)
    release_lease(office.engine, "two")
    assert not acquire_lease(office.engine, "two", now=NOON)

    release_lease(office.engine, "one")

    assert acquire_lease(office.engine, "two", now=NOON)


def test_of_many_who_want_the_duty_at_once_one_gets_it(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("one connection in memory is nobody's rival")
    got = at_once(lambda n: acquire_lease(engine, f"process {n}", now=NOON))

    assert sorted(got) == [False, False, False, True]


def test_two_who_erase_at_once_count_everybody_once(office: Office) -> None:
    if office.engine.dialect.name == "sqlite":
        pytest.skip("one connection in memory is nobody's rival")
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.send_all()
    office.hear("open")
    keep, later = timedelta(days=30), NOON + timedelta(days=90)

    at_once(lambda _: erase(office.engine, keep=keep, now=later))

    with reading(office.engine) as session:
        rows = session.exec(
            select(EngagementTotal).where(EngagementTotal.link == ALL_LINKS)
        )
        assert [(row.times, row.people) for row in rows] == [(1, 1)]


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """Do something four times at the same moment."""
    ready, done = Barrier(4), list[Any]()

    def one(number: int) -> None:
        ready.wait()
        done.append(work(number))

    threads = [Thread(target=one, args=(n,)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return done


@pytest.mark.slow
def test_workers_without_pages_do_each_job_once(home: Home) -> None:
    settings = load(home.folder)
    engine = bootstrap.engine(settings)
    # Of today: a request of a month ago that was never confirmed is forgotten.
    now = datetime.now(UTC)
    with transaction(engine) as session:
        for n in range(LETTERS):
            notify_staff(
                session, ["edna@example.org"], f"No. {n}", "!", by="us", now=now
            )
        zoe = parse_address("z@example.org")
        request_subscription(session, zoe, {}, "", where=FORM, now=now)
    command = [sys.executable, "-m", "flashmail", "--home", str(home.folder), "worker"]
    workers = [
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        for each in workers:
            wait_for_work(each)
        wait_until(lambda: all_done(engine))
    finally:
        for each in workers:
            each.send_signal(signal.SIGTERM)
        said = [each.communicate(timeout=20)[1] for each in workers]

    assert [each.returncode for each in workers] == [0, 0], said
    assert not any("Traceback" in each for each in said), said
    subjects = sorted(each.subject for each in bootstrap.outbox(settings).mails())
    assert subjects[:LETTERS] == [f"No. {n}" for n in range(LETTERS)]
    assert len(subjects) == LETTERS + 1
    engine.dispose()


def wait_for_work(worker: "subprocess.Popen[str]") -> None:
    """Wait until a worker says that it is at work: before, it does not end in order."""
    assert worker.stderr is not None
    assert any("at work" in line for line in worker.stderr)


def all_done(engine: Engine) -> bool:
    with reading(engine) as session:
        letters = set(session.exec(select(TransactionalMail.state)))
        requests = set(session.exec(select(SubscriptionRequest.state)))
        counted = session.exec(select(Headcount)).first() is not None
    return (
        letters == {TransactionalState.SENT}
        and requests == {RequestState.MAILED}
        and counted
    )


def wait_until(done: Callable[[], bool], within: float = 20) -> None:
    end = time.monotonic() + within
    while not done():
        assert time.monotonic() < end
        time.sleep(0.1)
