"""Dispatch: how a worker learns that there may be a batch to send.

By default it looks for itself. With Procrastinate a queue calls it. Either way it then
claims the next batch from the tables, and only what it claimed is sent: to be called
too often is harmless.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

logger = logging.getLogger(__name__)

#: How long a worker rests when there is nothing to do, in seconds.
REST = 0.5

#: How long it rests after something went wrong: the disk is full, the database away.
RECOVER = 5.0

#: Sends the next batch, if one is due, and returns whether there was one.
SendNext = Callable[[], Awaitable[bool]]


class Dispatch(Protocol):
    """Calls a worker to its work."""

    def announce(self) -> None:
        """Let every worker know of the batches that are open."""

    async def run(self, send_next: SendNext, lanes: int, stop: asyncio.Event) -> None:
        """Have batches sent, up to `lanes` at a time, until `stop` is set.

        The batches in hand are finished first.
        """


@dataclass(frozen=True)
class Polling:
    """Each worker looks for itself; `idle` and `recover` are how long it rests."""

    idle: float = REST
    recover: float = RECOVER

    def announce(self) -> None:
        """Nobody has to be told."""

    async def run(self, send_next: SendNext, lanes: int, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(lanes):
                tasks.create_task(self._lane(send_next, stop))

    async def _lane(self, send_next: SendNext, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if not await attempt(send_next, stop, self.recover):
                await sleep_or_stop(stop, self.idle)


async def attempt(
    send_next: SendNext, stop: asyncio.Event, recover: float = RECOVER
) -> bool:
    """Send the next batch; return whether there was one, or a trouble.

    One trouble must not stop the other batches, nor tomorrow's campaigns.
    """
    try:
        return await send_next()
    except Exception:
        logger.exception("a batch could not be sent; trying again")
        await sleep_or_stop(stop, recover)
        return True


async def sleep_or_stop(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not for longer than until `stop` is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
