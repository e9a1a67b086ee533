"""A proxy that delays what passes, each way: `python -m benchmarks.delay PORT MS`.

MS is a round trip. Connecting itself is not delayed.
"""

import asyncio
import sys
from collections import deque
from typing import cast

import uvloop


class Way(asyncio.Protocol):
    """One end of a connection; what comes in leaves at the other end later."""

    other: "Way"
    transport: asyncio.Transport

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._passing: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._pass(data)

    def connection_lost(self, problem: Exception | None) -> None:
        self._pass(b"")

    def _pass(self, data: bytes) -> None:
        self._passing.append((self._loop.time() + self._delay, data))
        if self._timer is None:
            self._timer = self._loop.call_later(self._delay, self._deliver)

    def _deliver(self) -> None:
        now = self._loop.time()
        while self._passing and self._passing[0][0] <= now:
            data = self._passing.popleft()[1]
            self._hand_on(data)
        self._timer = None
        if self._passing:
            self._timer = self._loop.call_at(self._passing[0][0], self._deliver)

    def _hand_on(self, data: bytes) -> None:
        other = self.other.transport
        if other.is_closing():
            return
        if data:
            other.write(data)
        else:
            other.close()


class Entrance(Way):
    """The end at which clients arrive."""

    def __init__(self, port: int, delay: float) -> None:
        super().__init__(delay)
        self._port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.pause_reading()
        self._joining = self._loop.create_task(self._join())

    async def _join(self) -> None:
        _, self.other = await self._loop.create_connection(
            lambda: Way(self._delay), "127.0.0.1", self._port
        )
        self.other.other = self
        self.transport.resume_reading()


async def serve(port: int, delay: float) -> None:
    made = await asyncio.get_running_loop().create_server(
        lambda: Entrance(port, delay), "127.0.0.1", 0
    )
    print(made.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - for the parent
    await made.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 2000))
