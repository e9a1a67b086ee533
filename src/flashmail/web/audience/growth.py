"""How something grew, as a small line."""

from collections.abc import Sequence
from dataclasses import dataclass

from flashmail.audience.headcount import change

#: The size of the line, in pixels.
WIDTH, HEIGHT = 96, 24


@dataclass(frozen=True)
class Growth:
    """The points of an SVG polyline, and by how much it grew; None if not known."""

    points: str
    change: int | None


def growth_of(line: Sequence[int | None]) -> Growth:
    """Draw the counts of some weeks; weeks without one are left out."""
    known = [(week, n) for week, n in enumerate(line) if n is not None]
    if len(known) < 2:
        return Growth("", None)
    low, high = min(n for _, n in known), max(n for _, n in known)
    points = [
        f"{week * WIDTH / max(1, len(line) - 1):.0f},{_height(n, low, high):.0f}"
        for week, n in known
    ]
    return Growth(" ".join(points), change(line))


def _height(n: int, low: int, high: int) -> float:
    """Return how far from the top a count stands: in the middle if none changed."""
    if low == high:
        return HEIGHT / 2
    return 2 + (HEIGHT - 4) * (high - n) / (high - low)
