"""Sizes: to how many a brief would go, counted beside the page that asks for it.

Of a million people it takes up to a second, and a page that is written on asks again
and again.
"""

from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple

from sqlalchemy import Engine

from flashmail.audience.headcount import size
from flashmail.audience.segment import Segment
from flashmail.audience.select import UnknownTopic
from flashmail.database import reading

#: For so long a size is good; after that it is told still, and counted again.
GOOD_FOR = timedelta(minutes=5)

#: Sizes that are kept: of briefs that are written on at a time there are a few.
KEPT = 200


class Size(NamedTuple):
    people: int
    counted_at: datetime


class Sizes:
    """The sizes of segments as they were counted last, each by one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[Segment, Size] = {}
        self._under_way: set[Segment] = set()
        self._lock = Lock()

    def known(self, segment: Segment) -> int | None:
        """Return how many a segment meant lately; None before it is counted."""
        size = self._known.get(segment)
        return size.people if size else None

    def is_due(self, segment: Segment, *, now: datetime) -> bool:
        """Whether nobody counts it, and the last count is none or old."""
        size = self._known.get(segment)
        old = size is None or now - size.counted_at > GOOD_FOR
        return old and segment not in self._under_way

    def count(self, segment: Segment, now: datetime) -> None:
        """Count it, unless somebody does so already."""
        with self._lock:
            if segment in self._under_way:
                return
            self._under_way.add(segment)
        try:
            with reading(self._engine) as session:
                self._keep(segment, Size(size(session, segment), now))
        except UnknownTopic:
            pass  # the preflight says so
        finally:
            self._under_way.discard(segment)

    def _keep(self, segment: Segment, size: Size) -> None:
        with self._lock:
            self._known.pop(segment, None)
            self._known[segment] = size
            while len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
