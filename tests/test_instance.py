"""The instance fence: a restored backup and a copy ask a person first."""

import resource
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, select

from flashmail.database import connect, transaction
from flashmail.delivery.instance import InstanceFence, NotThisInstance, fenced
from flashmail.model import CampaignStatus, Instance
from office import Office


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def engine(home: Path) -> Iterator[Engine]:
    engine = open_database(home)
    SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()


def open_database(home: Path) -> Engine:
    return connect(f"sqlite:///{home}/flashmail.db")


def claim_once(engine: Engine, home: Path) -> None:
    with fenced(engine, home) as fence:
        with transaction(engine) as session:
            claims = fence.count(session)
        fence.note(claims)


def copy(engine: Engine, home: Path, to: Path) -> None:
    """Copy a home as a person would: everything in it."""
    engine.dispose()
    shutil.copytree(home, to)


def test_a_first_home_may_send(engine: Engine, home: Path) -> None:
    claim_once(engine, home)
    claim_once(engine, home)

    with Session(engine) as session:
        assert session.exec(select(Instance)).one().claims == 2


def test_of_workers_that_begin_at_once_in_a_new_home_all_may_send(
    engine: Engine, home: Path
) -> None:
    together = Barrier(8)

    def begin(_: int) -> None:
        mine = open_database(home)
        together.wait()
        claim_once(mine, home)
        mine.dispose()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begin, range(8)))

    with Session(engine) as session:
        assert session.exec(select(Instance)).one().claims == 8


def test_a_home_cut_short_at_its_first_claim_may_try_again(
    engine: Engine, home: Path
) -> None:
    """By a full disk here; by a kill, a name without its content is as bad."""
    with pytest.raises(OSError, match="too large"), no_file_may_grow():
        claim_once(engine, home)
    assert not list(home.glob("instance*"))

    claim_once(engine, home)


@contextmanager
def no_file_may_grow() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_restored_backup_may_not(engine: Engine, home: Path, tmp_path: Path) -> None:
    claim_once(engine, home)
    copy(engine, home, tmp_path / "backup")
    claim_once(engine, home)
    engine.dispose()
    for name in ("flashmail.db", "flashmail.db-wal", "flashmail.db-shm"):
        (home / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup" / "flashmail.db", home)

    restored = open_database(home)
    with pytest.raises(NotThisInstance, match="restored from a backup"):
        claim_once(restored, home)
    restored.dispose()


def test_a_copied_home_may_not(engine: Engine, home: Path, tmp_path: Path) -> None:
    claim_once(engine, home)
    copy(engine, home, tmp_path / "copy")

    other = open_database(tmp_path / "copy")
    with pytest.raises(NotThisInstance, match="is a copy"):
        claim_once(other, tmp_path / "copy")
    other.dispose()
    claim_once(engine, home)


def test_another_home_on_the_same_database_may_not(
    engine: Engine, home: Path, tmp_path: Path
) -> None:
    claim_once(engine, home)

    with pytest.raises(NotThisInstance, match="sent from before"):
        claim_once(engine, tmp_path)


def test_it_may_when_a_person_says_so(
    engine: Engine, home: Path, tmp_path: Path
) -> None:
    claim_once(engine, home)
    InstanceFence(engine, tmp_path).adopt(beside=True)

    claim_once(engine, tmp_path)
    claim_once(engine, home)


def test_taking_over_stops_what_was_under_way(engine: Engine, home: Path) -> None:
    office = Office(engine)
    office.subscribe("Anne", "Iran")
    office.subscribe("Bart", "Iran")
    office.schedule("Begun")
    office.send_one()
    office.schedule("Waiting")

    stopped = InstanceFence(engine, home).adopt()
    office.send_all()

    assert stopped == [1, 2]
    assert office.status(1) is CampaignStatus.PAUSED
    assert office.status(2) is CampaignStatus.MISSED
    assert len(office.post.sent) == 1


def test_a_damaged_file_asks_a_person(engine: Engine, home: Path) -> None:
    claim_once(engine, home)
    (home / "instance").write_text("nonsense")

    with pytest.raises(NotThisInstance, match="cannot be read"):
        claim_once(engine, home)


def test_a_home_that_died_while_it_registered_begins_again(
    engine: Engine, home: Path
) -> None:
    (home / "instance").write_text("f" * 32 + " 0")

    claim_once(engine, home)
