"""Sightings: opens and clicks on their way to the tables.

A mail that a hundred thousand people open brings thousands of them in a second. So the
answer goes out at once, and some tenths of a second's worth are written together.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from flashmail.database import transaction
from flashmail.model import EventKind
from flashmail.tracking.bot_detection import family, prefix
from flashmail.tracking.engagement import without_people
from flashmail.tracking.events import NewEvent
from flashmail.tracking.recording import record

logger = logging.getLogger(__name__)

#: Seconds that an opening may wait to be written. A power cut loses no more than these.
WAIT = 0.2

#: More than these are not kept while the database is away.
MOST_WAITING = 500_000


def utc_now() -> datetime:
    return datetime.now(UTC)


class Hit(NamedTuple):
    """Somebody fetched the pixel or followed a link; `says` is the User-Agent."""

    kind: EventKind
    campaign_id: int
    subscriber_id: int
    link: int | None
    at: datetime
    says: str
    address: str


class HitBuffer:
    """Takes sightings on an event loop, and writes them down from a thread.

    `clock` says when they are taken. `wait` 0 writes each at once. `keep` is how long a
    campaign's engagement may be people's; without it for ever.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        wait: float = 0,
        keep: timedelta | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._engine, self._wait, self.keep, self.clock = engine, wait, keep, clock
        self._waiting: list[Hit] = []
        self._timer: asyncio.TimerHandle | None = None
        self._one = Lock()

    def note(self, sighting: Hit) -> None:
        """Take a sighting; it is written soon."""
        self._waiting.append(sighting)
        if not self._wait:
            self.flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._wait, self._begin, loop)

    def flush(self) -> None:
        """Write what is waiting. Where the database is away, it goes on waiting."""
        with self._one:
            some, self._waiting = self._waiting, []
            try:
                keep(self._engine, some, for_=self.keep)
            except SQLAlchemyError as problem:
                logger.warning("%d sightings wait: %s", len(some), problem)
                self._waiting = (some + self._waiting)[:MOST_WAITING]

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        loop.run_in_executor(None, self.flush)


def keep(
    engine: Engine, sightings: Iterable[Hit], *, for_: timedelta | None = None
) -> None:
    """Write sightings down: as events of people, or as numbers where they are nobody's.

    The same thing done twice within a minute by the same person is one event.
    """
    events = [_event(each) for each in sightings]
    if not events:
        return
    now = max(event.at for event in events)
    with transaction(engine) as session:
        record(session, without_people(session, events, keep=for_, now=now))


def _event(seen: Hit) -> NewEvent:
    minute = seen.at.strftime("%Y%m%d%H%M")
    who = f"{seen.campaign_id}:{seen.subscriber_id}"
    return NewEvent(
        key=f"{seen.kind}:{who}:{'' if seen.link is None else seen.link}:{minute}",
        campaign_id=seen.campaign_id,
        subscriber_id=seen.subscriber_id,
        kind=seen.kind,
        at=seen.at,
        recorded_at=seen.at,
        link=seen.link,
        user_agent=family(seen.says),
        network=prefix(seen.address),
    )
