"""Measuring: two ways to do a thing, in turns, and the ratio of their medians."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 5


@dataclass(frozen=True)
class Figure:
    """How many times better we are than the reference, and what was to be reached.

    `spread` is the lowest and the highest ratio of the rounds.
    """

    name: str
    reference: str
    ratio: float
    spread: tuple[float, float]
    goal: float
    detail: str

    @property
    def met(self) -> bool:
        return self.ratio >= self.goal


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process and its threads for doing it once."""
    gc.collect()
    begun = time.process_time()
    work()
    return time.process_time() - begun


def compare(
    name: str,
    reference: str,
    *,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    goal: float,
    unit: str,
) -> Figure:
    """Measure both in turns; `ours` and `theirs` return the cost of one unit."""
    rounds = [(ours(), theirs()) for _ in range(ROUNDS)]
    ratios = [other / own for own, other in rounds]
    mine = statistics.median(own for own, _ in rounds)
    others = statistics.median(other for _, other in rounds)
    return Figure(
        name=name,
        reference=reference,
        ratio=statistics.median(ratios),
        spread=(min(ratios), max(ratios)),
        goal=goal,
        detail=f"{mine * 1e6:,.2f} against {others * 1e6:,.2f} µs per {unit}",
    )
