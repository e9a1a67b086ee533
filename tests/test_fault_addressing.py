"""A kill in the middle of addressing leaves all of a campaign's deliveries, or none."""

import os
import signal
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func
from sqlmodel import select

from flashmail.database import connect, reading
from flashmail.delivery.starting import start_due_campaigns
from flashmail.model import Batch, CampaignStatus, Delivery
from office import Office
from trial import installed

pytestmark = pytest.mark.slow

PEOPLE = 3000

#: How far the insert has come, in instructions of SQLite's machine.
TICK = 1000


def begin(office: Office, home: Path) -> list[int]:
    engine = connect(f"sqlite:///{home}/flashmail.db")
    try:
        return start_due_campaigns(
            engine, batch_size=100, missed_after=timedelta(hours=1), now=office.now
        )
    finally:
        engine.dispose()


def killed_while(statement: str, ticks: int) -> Callable[[Any, Any], None]:
    """Return what kills the process so many ticks after a statement began."""
    left = ticks

    def prepare(driver: sqlite3.Connection, _: object) -> None:
        current = ""
        driver.set_trace_callback(lambda sql: begun(sql))

        def begun(sql: str) -> None:
            nonlocal current
            current = sql

        def tick() -> int:
            nonlocal left
            if statement in current:
                left -= 1
                if left <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return 0

        driver.set_progress_handler(tick, TICK)

    return prepare


@pytest.mark.parametrize("table", ["delivery", "batch"])
@pytest.mark.parametrize("ticks", [1, 5])
def test_killed_in_the_middle_of_an_insert(
    tmp_path: Path, table: str, ticks: int
) -> None:
    with installed(tmp_path, PEOPLE) as office:
        office.schedule()
        office.engine.dispose()

        def work() -> None:
            engine = connect(f"sqlite:///{tmp_path}/flashmail.db")
            event.listen(engine, "connect", killed_while(f"INSERT INTO {table}", ticks))
            start_due_campaigns(
                engine, batch_size=100, missed_after=timedelta(hours=1), now=office.now
            )

        child = get_context("fork").Process(target=work)
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
        assert rows(office, Delivery) == rows(office, Batch) == 0
        assert office.status() is CampaignStatus.SCHEDULED

        assert begin(office, tmp_path) == [1]
        assert rows(office, Delivery) == office.report().addressed == PEOPLE
        assert rows(office, Batch) == PEOPLE // 100


def rows(office: Office, table: type[Any]) -> int:
    with reading(office.engine) as session:
        return session.exec(select(func.count()).select_from(table)).one()
