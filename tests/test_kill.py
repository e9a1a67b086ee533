"""Killed at any moment, a worker leaves no second copy and nobody unaccounted for."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from flashmail.model import DeliveryState
from mortal import Scene

pytestmark = pytest.mark.slow

MODES = pytest.mark.parametrize("arms_singly", [True, False], ids=["journal", "table"])
PEOPLE = 4

#: How many mails are in flight at the same time: two lanes with a batch each.
IN_FLIGHT = 4


@MODES
def test_killed_at_every_point(tmp_path: Path, arms_singly: bool) -> None:
    beginning = tmp_path / "beginning"
    beginning.mkdir()
    scene = Scene(beginning, PEOPLE, arms_singly=arms_singly)
    die_at, unknown = 1, 0
    while True:
        scene.move(beginning)
        scene.again(tmp_path / str(die_at))
        killed = scene.start(die_at)
        killed.join(60)
        if killed.exitcode != -signal.SIGKILL:
            break
        scene.finish()
        states = scene.check()
        assert states[DeliveryState.UNKNOWN] <= IN_FLIGHT
        unknown += states[DeliveryState.UNKNOWN]
        die_at += 1

    print(f"{die_at - 1} points, {unknown} unknown")  # noqa: T201 - the figure
    assert die_at > 40


@MODES
def test_killed_again_and_again(tmp_path: Path, arms_singly: bool) -> None:
    scene = Scene(tmp_path, 120, arms_singly=arms_singly)
    dice = random.Random(7)

    kills = 0
    for _ in range(12):
        worker = scene.start(delay=0.02)
        worker.join(dice.uniform(0.02, 0.25))
        if worker.exitcode is None:
            worker.kill()
            kills += 1
        worker.join()
    took = scene.finish()

    states = scene.check()
    assert kills > 0
    assert states[DeliveryState.UNKNOWN] <= kills * IN_FLIGHT
    assert took < 10


def test_a_worker_that_stood_still_is_shut_out(tmp_path: Path) -> None:
    """It still holds its lock, so only the lease tells; here nobody waits for that."""
    scene = Scene(tmp_path, 60, arms_singly=True)
    sleeper = scene.start(delay=0.05)
    time.sleep(0.3)
    assert sleeper.pid
    os.kill(sleeper.pid, signal.SIGSTOP)
    expire_leases(scene)
    scene.finish()
    os.kill(sleeper.pid, signal.SIGCONT)
    sleeper.join(60)

    scene.check()


def expire_leases(scene: Scene) -> None:
    engine = scene.engine()
    with engine.begin() as connection:
        connection.execute(text("UPDATE batch SET lease_until = '2020-01-01 00:00:00'"))
    engine.dispose()
