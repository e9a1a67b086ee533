"""Servers to be called by a caller who costs next to nothing."""

import asyncio
import multiprocessing
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import uvicorn
import uvloop

#: Connections kept open, and requests on the way on each: enough to keep a server busy.
CONNECTIONS, ON_THE_WAY = 8, 16

#: Seconds between two requests that are made calmly.
REST = 0.02

#: Seconds that a server may take to begin.
PATIENCE = 60.0


@contextmanager
def served(make: str, *about: Any) -> Iterator[int]:
    """Serve what `module:function` makes, in a process of its own; yield the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(make, about, port)
    )
    process.start()
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.join()


def call(port: int, requests: Sequence[bytes]) -> None:
    """Make requests, some on the way at any time; all are answered alike in length."""
    uvloop.run(_call(port, requests))


def call_calmly(port: int, requests: Sequence[bytes]) -> list[float]:
    """Make requests one after the other, with a rest between; return their seconds."""
    return uvloop.run(_call_calmly(port, requests))


def _serve(make: str, about: tuple[Any, ...], port: int) -> None:
    module, _, name = make.partition(":")
    app = getattr(import_module(module), name)(*about)
    uvicorn.run(app, port=port, log_level="critical", access_log=False)


def _wait_for(port: int) -> None:
    late = time.monotonic() + PATIENCE
    while time.monotonic() < late:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the server did not begin")


async def _call(port: int, requests: Sequence[bytes]) -> None:
    shares = [requests[n::CONNECTIONS] for n in range(CONNECTIONS)]
    await asyncio.gather(*(_talk(port, share) for share in shares if share))


async def _call_calmly(port: int, requests: Sequence[bytes]) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seconds = []
    for each in requests:
        begun = time.perf_counter()
        writer.write(each)
        await _answer(reader)
        seconds.append(time.perf_counter() - begun)
        await asyncio.sleep(REST)
    writer.close()
    return seconds


async def _talk(port: int, requests: Sequence[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(requests[0])
    length = len(await _answer(reader))
    for start in range(1, len(requests), ON_THE_WAY):
        some = requests[start : start + ON_THE_WAY]
        writer.write(b"".join(some))
        await reader.readexactly(length * len(some))
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    status = head.split(b" ", 2)[1]
    assert status in {b"200", b"204", b"302"}, head
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)
