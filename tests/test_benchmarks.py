"""Every benchmark runs, if with next to nothing to do, and yields its figures."""

import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.__main__ import NAMES, figures
from benchmarks.measure import Figure, Goal
from benchmarks.report import line
from benchmarks.run import begun


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_yields_figures(name: str) -> None:
    with begun(share=0.002, rounds=1) as run:
        measured = list(figures(name, run))

    assert measured
    for figure in measured:
        assert math.isfinite(figure.ratio)
        assert figure.ratio > 0
        assert figure.name in line(figure)


def test_a_goal_is_a_ratio_or_a_time() -> None:
    def verdict(ratio: float, seconds: float, goal: Goal) -> str:
        return Figure("speed", "a snail", (ratio,), "", goal, seconds).verdict

    assert verdict(2, 1, Goal()) == ""
    assert verdict(2, 1, Goal(ratio=2)) == "met"
    assert verdict(1.9, 1, Goal(ratio=2)) == "MISSED"
    assert verdict(0.1, 1, Goal(seconds=1)) == "met"
    assert verdict(0.1, 1.1, Goal(seconds=1)) == "MISSED"
