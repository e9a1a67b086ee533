"""A worker that was killed starts again, with a million mails still to be sent."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from benchmarks import stock
from benchmarks.measure import Cost, Figure, Goal, by_clock, in_turns, timed
from benchmarks.run import SQLITE, Run, addressed, clear

FEW = 1000


def figures(run: Run) -> Iterator[Figure]:
    engine = run.stocked(SQLITE)
    home = Path(str(engine.url.database)).parent
    small, small_home = run.small(run.size(FEW))
    ways = {
        "large": _way(engine, home, run.batch_size),
        "small": _way(small, small_home, max(2, run.batch_size // 10)),
    }
    costs = in_turns(ways, run.rounds)
    clear(engine)
    yield by_clock(
        f"restart, {run.readers:,} open",
        f"the same with {run.size(FEW):,}",
        costs["large"],
        costs["small"],
        goal=Goal(seconds=10),
        remark=" from the process's start to its first mail",
    )


def _way(engine: Engine, home: Path, batch_size: int) -> partial[Cost]:
    addressed(engine, stock.NEWS, batch_size=batch_size)
    return partial(_restart, home)


def _restart(home: Path) -> Cost:
    """Kill a worker that has batches in hand; return how long the next one takes."""
    with _sending(home):
        pass

    def work() -> None:
        with _sending(home):
            pass

    return timed(work)


@contextmanager
def _sending(home: Path) -> Iterator[None]:
    """Have a worker until it has its first mail in hand; it is killed then."""
    command = [sys.executable, "-m", "benchmarks.stuck_worker", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"sending\n"
            yield
        finally:
            process.kill()
