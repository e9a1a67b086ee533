"""SMTP on the loopback device: a worker, its transport alone, and other clients."""

import shutil
import statistics
from collections.abc import Iterator
from functools import partial

from benchmarks import clients
from benchmarks.measure import Cost, Figure, Goal, Way, by_cpu, by_rate, in_turns
from benchmarks.run import Run
from benchmarks.sink import Server, server, sink
from benchmarks.workers import workers

MAILS, LIBRARY_MAILS = 20_000, 3_000

#: In milliseconds; and so far away, fewer mails are enough.
ROUND_TRIP, FAR_MAILS, FAR_LIBRARY_MAILS = 10, 4_000, 600

#: A sink that is busy for a larger part of the time is the limit.
BUSY = 0.9

WORKER, BARE, SOURCE = "worker", "bare", "smtp-source"
WORKERS = "2 workers"
ONE, TEN = "smtplib, 1 thread", "smtplib, 10 threads"


def figures(run: Run) -> Iterator[Figure]:
    with sink(run.place("sink")) as taker:
        yield from _near(run, taker)
        yield from _far(run, taker)


def _near(run: Run, taker: Server) -> Iterator[Figure]:
    busy: list[float] = []
    mails = run.size(MAILS)
    ways = _ways(run, taker.port, mails, run.size(LIBRARY_MAILS))
    ways[WORKER] = partial(_watched, taker, ways[WORKER], mails, busy)
    costs = in_turns(ways, run.rounds)
    remark = _remark(taker, statistics.median(busy))
    ours = costs[WORKER]
    if SOURCE in costs:
        theirs, goal = costs[SOURCE], Goal(ratio=0.95)
        yield by_rate("smtp rate", SOURCE, ours, theirs, goal=goal, remark=remark)
        two = costs[WORKERS]
        yield by_rate(f"smtp rate, {WORKERS}", SOURCE, two, theirs, goal=goal)
        # At most 1.25 times its CPU.
        yield by_cpu("smtp CPU", SOURCE, ours, theirs, goal=Goal(ratio=0.8))
    for other in (ONE, TEN):
        yield by_rate("smtp rate", other, ours, costs[other])
        yield by_cpu("smtp CPU", other, ours, costs[other])
    reference = "the transport alone, without tables and journal"
    goal = Goal(ratio=0.83)
    yield by_cpu("accounting CPU", reference, ours, costs[BARE], goal=goal)


def _far(run: Run, taker: Server) -> Iterator[Figure]:
    arguments = ("-m", "benchmarks.delay", str(taker.port), str(ROUND_TRIP))
    with server("delay", *arguments) as proxy:
        mails, theirs = run.size(FAR_MAILS), run.size(FAR_LIBRARY_MAILS)
        ways = _ways(run, proxy.port, mails, theirs)
        if SOURCE in ways:
            folder = run.folder / "sink"
            ways[SOURCE] = partial(clients.smtp_source, folder, proxy.port, theirs)
        del ways[ONE], ways[BARE], ways[WORKERS]
        costs = in_turns(ways, run.rounds)
    name = f"smtp rate at {ROUND_TRIP} ms"
    goal = Goal(ratio=3.5)
    yield by_rate(name, TEN, costs[WORKER], costs[TEN], goal=goal)
    if SOURCE in costs:
        yield by_rate(name, SOURCE, costs[WORKER], costs[SOURCE])


def _ways(run: Run, port: int, mails: int, theirs: int) -> dict[str, Way]:
    engine, home = run.small(mails)
    ways: dict[str, Way] = {
        WORKER: partial(clients.worker, engine, home, port, mails),
        WORKERS: partial(workers, engine, home, port, mails, 2),
        BARE: partial(clients.transport, engine, port, mails),
        ONE: partial(clients.library, port, theirs, 1),
        TEN: partial(clients.library, port, max(theirs, 10), clients.CONNECTIONS),
    }
    if shutil.which(clients.SMTP_SOURCE):
        folder = run.folder / "sink"
        ways[SOURCE] = partial(clients.smtp_source, folder, port, mails)
    else:
        run.say("smtp-source is not here (Debian's package postfix has it): left out")
    return ways


def _watched(taker: Server, way: Way, mails: int, busy: list[float]) -> Cost:
    """Note for what part of the time the sink was busy, beside the cost."""
    before = taker.cpu
    cost = way()
    busy.append((taker.cpu - before) / (cost.wall * mails))
    return cost


def _remark(taker: Server, busy: float) -> str:
    said = f" (sink in {taker.kind}, busy {busy:.0%} of a core"
    return said + (": it is the limit)" if busy > BUSY else ")")
