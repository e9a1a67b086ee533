"""How many examples of a property are tried: a few in `make unit`, all otherwise."""

import os

from hypothesis import settings

QUICK = os.environ.get("QUICK") == "1"

#: What `make unit` tries at most of any property.
FEW = 10

# The same examples every time, so that no run is red by luck; what looks for new ones
# is marked slow and says `derandomize=False`.
settings.register_profile("steady", derandomize=True)
settings.register_profile("quick", derandomize=True, max_examples=FEW)
settings.load_profile("quick" if QUICK else "steady")


def examples(count: int) -> int:
    """Return how many of so many examples are to be tried."""
    return min(count, FEW) if QUICK else count
