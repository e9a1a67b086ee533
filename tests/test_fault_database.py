"""The database fails, is full, locked, or does not answer: no mail goes out twice."""

import asyncio
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from flashmail.delivery.journal import MARK, SIZE, Journal
from flashmail.model import CampaignStatus, DeliveryState
from flashmail.transports import Fenced
from office import Office, Post
from peers.smtp import SmtpPeer
from trial import (
    Carrier,
    at_rest,
    at_work,
    installed,
    keep_promises,
    send,
    smtp,
    taken_by_smtp,
    worker,
)

SENT, UNKNOWN = DeliveryState.SENT, DeliveryState.UNKNOWN
PEOPLE = 12

MODES = pytest.mark.parametrize("singly", [True, False], ids=["journal", "table"])


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with installed(tmp_path, PEOPLE) as office:
        office.schedule()
        yield office


class Trouble(sqlite3.OperationalError):
    """What a driver raises when its database fails."""


class Commits:
    """Breaks commits of a database: before they are done, or after."""

    def __init__(self, engine: Engine) -> None:
        self._broken = self._lost = 0
        event.listen(engine, "commit", self._commit)

    def fail(self, times: int) -> None:
        """Let the next commits fail."""
        self._broken = times

    def lose(self, which: int) -> None:
        """Let the n-th commit from now on succeed, and its answer be lost."""
        self._lost = which

    def _commit(self, connection: Connection) -> None:
        if self._broken:
            self._broken -= 1
            raise Trouble("database or disk is full")
        self._lost -= 1
        if self._lost == 0:
            connection.exec_driver_sql("COMMIT")
            raise Trouble("the connection was lost")


def taken_by_post(post: Post) -> list[tuple[int, int]]:
    return [(1, reader.subscriber_id) for _, reader in post.sent]


@MODES
def test_what_cannot_be_booked_at_once_is_booked_later(
    office: Office, tmp_path: Path, singly: bool
) -> None:
    commits = Commits(office.engine)
    office.post = Carrier(batch_size=2, arms_singly=singly)
    failures = iter([3, 1])
    office.post.meanwhile = lambda: commits.fail(next(failures, 0))

    send(office, worker(office, office.post, tmp_path, lanes=1))

    states = keep_promises(office, taken_by_post(office.post), addressed=PEOPLE)
    assert states == {SENT: PEOPLE}


def test_marks_stay_while_what_they_mark_is_not_booked(
    office: Office, tmp_path: Path
) -> None:
    """Another worker must still find them when the batch's lease is over."""
    commits = Commits(office.engine)
    office.post = Carrier(batch_size=2, arms_singly=True)
    first = worker(office, office.post, tmp_path, name="first", lanes=1)

    def break_down() -> None:
        commits.fail(10**6)
        office.post.meanwhile = lambda: None

    office.post.meanwhile = break_down
    asyncio.run(at_work(first, until=lambda: len(office.post.sent) == 2))
    commits.fail(0)
    send(office, worker(office, office.post, tmp_path, name="second"))

    states = keep_promises(
        office, taken_by_post(office.post), addressed=PEOPLE, unknown=2
    )
    assert states == {SENT: PEOPLE - 2, UNKNOWN: 2}


@pytest.mark.slow
@MODES
def test_a_commit_whose_answer_is_lost_doubles_nothing(
    tmp_path: Path, singly: bool
) -> None:
    for which in range(1, 14):
        home = tmp_path / str(which)
        with installed(home, 5) as office:
            office.post = Carrier(batch_size=2, arms_singly=singly)
            office.schedule()
            send_with_lost_answer(office, home, which)
            states = keep_promises(office, taken_by_post(office.post), addressed=5)
        assert states == {SENT: 5}


def send_with_lost_answer(office: Office, home: Path, which: int) -> None:
    """Send while the answer to the n-th commit is lost, and minutes pass quickly."""
    commits = Commits(office.engine)
    commits.lose(which)

    def over() -> bool:
        office.later(seconds=1)
        return office.status() is CampaignStatus.SENT

    try:
        asyncio.run(at_work(worker(office, office.post, home, lanes=1), until=over))
    except ExceptionGroup:  # it could not even begin, and is started again
        asyncio.run(at_work(worker(office, office.post, home, lanes=1), until=over))


@pytest.mark.slow
def test_a_campaign_is_addressed_whole_or_not_at_all_on_a_full_disk(
    tmp_path: Path,
) -> None:
    with installed(tmp_path, 300) as office:
        office.post.batch_size = 100
        office.schedule()
        limit = Pragma(office.engine, "max_page_count")
        sender = worker(office, office.post, tmp_path, lanes=1)
        limit.set(1)  # that is: no page more than there are

        with pytest.raises(Exception, match="full"):
            sender.housekeep()
        assert keep_promises(office, [], addressed=0) == {}
        assert office.status() is CampaignStatus.SCHEDULED

        limit.set(10**9)
        send(office, sender)
        taken = taken_by_post(office.post)
        assert keep_promises(office, taken, addressed=300) == {SENT: 300}


class Pragma:
    """Sets something of SQLite for every connection of an engine."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name, self._value = engine, name, ""
        event.listen(engine, "checkout", self._apply)

    def set(self, value: int) -> None:
        self._value = f"PRAGMA {self._name}={value}"

    def _apply(self, connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(self._value or "SELECT 1")


@pytest.mark.slow
@MODES
def test_a_database_that_turns_read_only_stops_the_sending_until_it_is_mended(
    office: Office, tmp_path: Path, singly: bool
) -> None:
    read_only = Pragma(office.engine, "query_only")
    office.post = Carrier(batch_size=3, arms_singly=singly)
    office.post.meanwhile = lambda: read_only.set(1)
    begun = time.monotonic()

    def over() -> bool:
        if time.monotonic() - begun > 0.5:
            assert len(office.post.sent) == 3 or office.post.meanwhile is nothing
            office.post.meanwhile = nothing
            read_only.set(0)
        return at_rest(office)

    asyncio.run(at_work(worker(office, office.post, tmp_path, lanes=1), until=over))

    states = keep_promises(office, taken_by_post(office.post), addressed=PEOPLE)
    assert states == {SENT: PEOPLE}


def nothing() -> None:
    """Let nothing happen meanwhile."""


def in_a_process(work: Callable[[], None]) -> None:
    """Do something whose traces must not stay in this process."""
    process = get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == 0


def test_half_a_mark_is_none(tmp_path: Path) -> None:
    """The last free bytes of a disk take some of what is written to them."""

    def arm_on_the_last_bytes() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE + 24, resource.RLIM_INFINITY))
        journal = Journal(tmp_path, "worker")
        journal.open()
        journal.arm(1, 1, range((SIZE // MARK.size - 1) // 2))
        with pytest.raises(Fenced, match="No space left"):
            journal.arm(1, 1, [8, 9])
        journal.rewind()
        journal.arm(2, 1, [8, 9])

    in_a_process(arm_on_the_last_bytes)


@pytest.mark.slow
@MODES
def test_a_full_disk_stops_the_sending_and_not_the_accounting(
    tmp_path: Path, singly: bool
) -> None:
    """Files cannot grow beyond a limit, so first the write-ahead log fails."""
    with SmtpPeer() as peer, installed(tmp_path, 100) as office:
        office.schedule()
        office.engine.dispose()

        def send_until_it_is_full() -> None:
            none = resource.RLIM_INFINITY
            resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE + 1, none))
            transport = smtp(peer)
            transport.batch_size, transport.arms_singly = 2, singly
            sender = worker(office, transport, tmp_path)
            begun = time.monotonic()

            def over() -> bool:
                if time.monotonic() - begun > 1.5:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (none, none))
                return at_rest(office)

            asyncio.run(at_work(sender, until=over))

        in_a_process(send_until_it_is_full)
        # Whose mark could not be written was put off for a while.
        office.later(hours=1)
        send(office, worker(office, smtp(peer), tmp_path))

        taken = taken_by_smtp(office, peer)
        assert keep_promises(office, taken, addressed=100) == {SENT: 100}


@pytest.mark.slow
def test_a_neighbour_that_holds_the_database_makes_everything_wait(
    tmp_path: Path,
) -> None:
    with SmtpPeer() as peer, installed(tmp_path, 60) as office:
        office.schedule()
        transport = smtp(peer)
        transport.batch_size = 5
        neighbour = get_context("fork").Process(target=hold, args=(tmp_path, 1.0, 3))
        neighbour.start()
        send(office, worker(office, transport, tmp_path))
        neighbour.join()

        taken = taken_by_smtp(office, peer)
        assert keep_promises(office, taken, addressed=60) == {SENT: 60}


def hold(home: Path, seconds: float, times: int) -> None:
    """Keep every writer waiting, again and again."""
    path = home / "flashmail.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as holder:
        for _ in range(times):
            holder.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            holder.execute("ROLLBACK")
            time.sleep(0.01)
