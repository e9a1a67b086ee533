"""Measuring: ways to do the same thing, in turns, and the ratios of their costs."""

import gc
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Cost(NamedTuple):
    """What one unit costs in seconds: by the clock, and of the processors.

    The processors' part is that of this process and of its children that ended.
    """

    wall: float
    cpu: float


Way = Callable[[], Cost]

#: The cost of each round, by way.
Rounds = Mapping[str, Sequence[Cost]]


@dataclass(frozen=True)
class Goal:
    """What is to be reached: a ratio, or seconds that are not to be exceeded."""

    ratio: float = 0
    seconds: float = 0

    def __str__(self) -> str:
        said = [f"{self.ratio:g}x"] if self.ratio else []
        return ", ".join([*said, f"{self.seconds:g} s"] if self.seconds else said)


@dataclass(frozen=True)
class Figure:
    """How many times better we are than the reference, and what was to be reached.

    There is a ratio for each round. `seconds` is our median, for goals in seconds.
    """

    name: str
    reference: str
    ratios: tuple[float, ...]
    cost: str
    goal: Goal = Goal()
    seconds: float = 0

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def spread(self) -> str:
        return f"{short(min(self.ratios))} to {short(max(self.ratios))}"

    @property
    def verdict(self) -> str:
        """Return met, MISSED, or nothing where no goal was set."""
        if not str(self.goal):
            return ""
        late = self.goal.seconds and self.seconds > self.goal.seconds
        return "MISSED" if late or self.ratio < self.goal.ratio else "met"


def timed(work: Callable[[], object], units: int = 1) -> Cost:
    """Do it once; return the cost of each of its units."""
    gc.collect()
    cpu, wall = _cpu(), time.perf_counter()
    work()
    return Cost((time.perf_counter() - wall) / units, (_cpu() - cpu) / units)


def in_turns(ways: Mapping[str, Way], rounds: int) -> Rounds:
    """Go each way once in every round, forth and back, so that drift hits all alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: -1 if number % 2 else 1]:
            costs[name].append(ways[name]())
    return costs


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    return tuple(other / own for own, other in zip(ours, theirs, strict=True))


def walls(costs: Sequence[Cost]) -> list[float]:
    return [cost.wall for cost in costs]


def cpus(costs: Sequence[Cost]) -> list[float]:
    return [cost.cpu for cost in costs]


def by_cpu(
    name: str,
    reference: str,
    ours: Sequence[Cost],
    theirs: Sequence[Cost],
    *,
    goal: Goal = Goal(),
    unit: str = "mail",
) -> Figure:
    """Compare what one unit costs the processors."""
    mine, other = statistics.median(cpus(ours)), statistics.median(cpus(theirs))
    return Figure(
        name,
        reference,
        ratios(cpus(ours), cpus(theirs)),
        f"{micro(mine)} against {micro(other)} µs CPU a {unit}",
        goal,
    )


def by_rate(
    name: str,
    reference: str,
    ours: Sequence[Cost],
    theirs: Sequence[Cost],
    *,
    goal: Goal = Goal(),
    remark: str = "",
) -> Figure:
    """Compare how many mails go out in a second."""
    mine, other = statistics.median(walls(ours)), statistics.median(walls(theirs))
    return Figure(
        name,
        reference,
        ratios(walls(ours), walls(theirs)),
        f"{1 / mine:,.0f} against {1 / other:,.0f} mails/s" + remark,
        goal,
    )


def by_clock(
    name: str,
    reference: str,
    ours: Sequence[Cost],
    theirs: Sequence[Cost],
    *,
    goal: Goal = Goal(),
    remark: str = "",
) -> Figure:
    """Compare how long the whole takes."""
    mine, other = statistics.median(walls(ours)), statistics.median(walls(theirs))
    return Figure(
        name,
        reference,
        ratios(walls(ours), walls(theirs)),
        f"{_seconds(mine)} against {_seconds(other)}{remark}",
        goal,
        mine,
    )


def short(ratio: float) -> str:
    """Write a ratio with as many digits as can be trusted."""
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.{1 if ratio >= 10 else 2}f}"


def micro(seconds: float) -> str:
    """Write seconds as microseconds."""
    return f"{seconds * 1e6:,.{1 if seconds < 1e-4 else 0}f}"


def _seconds(value: float) -> str:
    if value < 1e-3:
        return f"{micro(value)} µs"
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1e3:.2f} ms"


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
