"""How many examples of a property are tried: a few in `make unit`, all otherwise."""

import os

from hypothesis import settings

QUICK = os.environ.get("QUICK") == "1"

#: What `make unit` tries at most of any property.
FEW = 10

settings.register_profile("quick", max_examples=FEW)
if QUICK:
    settings.load_profile("quick")


def examples(count: int) -> int:
    """Return how many of so many examples are to be tried."""
    return min(count, FEW) if QUICK else count
