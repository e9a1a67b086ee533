"""Killed at any moment, a worker leaves no second copy and nobody unaccounted for."""

import os
import random
import secrets
import signal
import sqlite3
import time
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest

from flashmail.model import DeliveryState
from mortal import Scene
from peers.smtp import Fault, SmtpPeer
from trial import installed, keep_promises, send, smtp, taken_by_smtp, worker

pytestmark = pytest.mark.slow

MODES = pytest.mark.parametrize("arms_singly", [True, False], ids=["journal", "table"])
PEOPLE = 4

#: How many mails are in flight at the same time: two lanes with a batch each.
IN_FLIGHT = 4


#: So many children run beside each other.
AT_ONCE = 4


@MODES
def test_killed_at_every_point(tmp_path: Path, arms_singly: bool) -> None:
    beginning = Scene.begin(tmp_path / "0", PEOPLE, arms_singly=arms_singly)
    first, points, unknown = 1, 0, 0
    while points == first - 1:
        scenes = [
            beginning.again(tmp_path / str(first + place)) for place in range(AT_ONCE)
        ]
        children = [
            scene.start(die_at) for die_at, scene in enumerate(scenes, start=first)
        ]
        killed = [
            scene for scene, child in zip(scenes, children, strict=True) if died(child)
        ]
        points, first = points + len(killed), first + AT_ONCE
        for scene in survived(killed):
            states = scene.check()
            assert states[DeliveryState.UNKNOWN] <= IN_FLIGHT
            unknown += states[DeliveryState.UNKNOWN]

    print(f"{points} points, {unknown} unknown")  # noqa: T201 - the figure
    assert points > 30


def died(child: ForkProcess) -> bool:
    """Return whether a child was killed; it may have come to its end before that."""
    child.join(60)
    assert child.exitcode in (-signal.SIGKILL, 0, 7)
    return child.exitcode == -signal.SIGKILL


def survived(scenes: list[Scene]) -> list[Scene]:
    """Have the campaign of each scene brought to its end by another worker."""
    children = [scene.start() for scene in scenes]
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    return scenes


def test_killed_two_hundred_times(tmp_path: Path) -> None:
    """In both modes beside each other, at moments that nobody chose."""
    seed = int(os.environ.get("FLASHMAIL_TEST_SEED") or secrets.randbelow(10**6))
    print(f"FLASHMAIL_TEST_SEED={seed}")  # noqa: T201 - to play it again
    dice = random.Random(seed)
    scenes = [
        Scene.begin(tmp_path / mode, 2000, arms_singly=mode == "journal")
        for mode in ("journal", "table")
    ]
    kills = 0
    for _ in range(200):
        before = [scene.accepted.stat().st_size for scene in scenes]
        children = [scene.start(delay=0.02) for scene in scenes]
        if dice.random() < 0.8:
            wait_for_mail(scenes, before)
        time.sleep(dice.uniform(0, 0.05))
        for child in children:
            child.kill()
        kills += sum(died(child) for child in children)
    survived(scenes)

    unknown = [scene.check()[DeliveryState.UNKNOWN] for scene in scenes]
    sent = sum(scene.sent_all_the_same() for scene in scenes)
    print(f"{kills} kills, {unknown} unknown, {sent} of them sent")  # noqa: T201
    assert kills > 300, "it was not over before"
    assert max(unknown) <= kills / 2 * IN_FLIGHT


def wait_for_mail(scenes: list[Scene], before: list[int]) -> None:
    """Wait until one of some workers sends, so that it is killed at work."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        if [scene.accepted.stat().st_size for scene in scenes] != before:
            return
        time.sleep(0.002)


def test_a_worker_that_stood_still_is_shut_out(tmp_path: Path) -> None:
    """It still holds its lock, so only the lease tells; here nobody waits for that."""
    scene = Scene.begin(tmp_path / "home", 60, arms_singly=True)
    sleeper = scene.start(delay=0.05)
    time.sleep(0.3)
    stop_between_transactions(sleeper, scene)
    scene.finish()
    assert sleeper.pid
    os.kill(sleeper.pid, signal.SIGCONT)
    sleeper.join(60)

    scene.check()


def stop_between_transactions(sleeper: ForkProcess, scene: Scene) -> None:
    """Stop a worker, and let its leases be over. In a transaction it would lock all."""
    assert sleeper.pid
    database = sqlite3.connect(scene.home / "flashmail.db", timeout=0.1)
    with closing(database):
        while True:
            os.kill(sleeper.pid, signal.SIGSTOP)
            try:
                database.execute("UPDATE batch SET lease_until = '2020-01-01 00:00:00'")
                return database.commit()
            except sqlite3.OperationalError:
                os.kill(sleeper.pid, signal.SIGCONT)
                time.sleep(0.01)


def test_a_killed_worker_leaves_no_more_unknown_than_it_has_connections(
    tmp_path: Path,
) -> None:
    """Whatever the size of the batch that it died in."""
    slow = Fault("dot", "250 2.0.0 Ok", takes=True, delay=0.02)
    with SmtpPeer(slow) as peer, installed(tmp_path, 400) as office:
        office.schedule()
        office.engine.dispose()
        child = get_context("fork").Process(
            target=lambda: send(
                office, worker(office, smtp(peer, connections=5), tmp_path)
            )
        )
        child.start()
        while len(peer.messages) < 100:
            time.sleep(0.001)
        child.kill()
        assert died(child)
        send(office, worker(office, smtp(peer), tmp_path))

        taken = taken_by_smtp(office, peer)
        states = keep_promises(office, taken, addressed=400, unknown=5)
    assert states[DeliveryState.SENT] >= 395
