"""What readers, providers and staff wait for while a million mails are being sent."""

import asyncio
import logging
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvloop
from sqlalchemy import Engine
from sqlmodel import func, select

from benchmarks import clients, letter, stock, webhook
from benchmarks.measure import Cost, Figure, Goal, by_clock, in_turns
from benchmarks.run import SQLITE, Run, addressed, clear
from benchmarks.serving import call_calmly, served
from benchmarks.sink import sink
from flashmail.bootstrap import LANES
from flashmail.database import connect, reading
from flashmail.delivery.worker import Worker
from flashmail.links import Purpose
from flashmail.model import Delivery, DeliveryState
from flashmail.transports.smtp import Smtp

#: Requests of each kind in a round, and the events of one post.
TIMES, EVENTS = 30, 1_000

#: Nobody waits for longer than that, not once.
LONGEST = Goal(seconds=1)

#: Mails that go out before anything is asked for, and seconds to wait for them.
BEFORE, PATIENCE = 5_000, 60.0


def figures(run: Run) -> Iterator[Figure]:
    engine = run.stocked(SQLITE)
    url = engine.url.render_as_string(hide_password=False)
    served_by = "benchmarks.webhook:ours"
    with (
        sink(run.place("beside-sink")) as taker,
        served(served_by, url, str(run.folder), webhook.public()) as port,
    ):
        for what, asked in _requests(run).items():
            slowest = partial(_slowest, engine, port, asked)
            ways = {
                "beside": partial(_beside, run, engine, taker.port, slowest),
                "alone": slowest,
            }
            costs = in_turns(ways, run.few(3))
            yield by_clock(
                f"{what}, {run.readers:,} mails under way",
                "the same with nothing to send",
                costs["beside"],
                costs["alone"],
                goal=LONGEST,
                remark=f" for the slowest of {len(asked)}",
            )
    clear(engine)


def _requests(run: Run) -> dict[str, list[bytes]]:
    readers = range(1, run.size(TIMES) + 1)
    events = run.size(EVENTS)
    tokens = [letter.TOKENS.write(Purpose.LEAVE, 1, number) for number in readers]
    seen = [letter.TOKENS.write(Purpose.WATCH, 1, number) for number in readers]
    return {
        "an opening": [_get(f"/o/{token}.gif") for token in seen],
        "a preference page": [_get(f"/p/{token}") for token in tokens],
        "leaving by one click": [_leave(token) for token in tokens],
        "a webhook's post": [webhook.post(n * events, events) for n in readers],
        "a page of the newsroom": [_get("/subscribers") for _ in readers],
    }


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: x\r\n\r\n".encode()


def _leave(token: str) -> bytes:
    body = "List-Unsubscribe=One-Click"
    return (
        f"POST /u/{token} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: x\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _slowest(engine: Engine, port: int, asked: Sequence[bytes]) -> Cost:
    return Cost(max(call_calmly(port, asked)), 0)


def _beside(run: Run, engine: Engine, port: int, slowest: partial[Cost]) -> Cost:
    clear(engine)
    addressed(engine, stock.NEWS, batch_size=Smtp.batch_size)
    with _sending(engine, port, before=run.size(BEFORE)):
        return slowest()


@contextmanager
def _sending(engine: Engine, port: int, *, before: int) -> Iterator[None]:
    """Send in a process of its own, from the first thousands of mails on."""
    url = engine.url.render_as_string(hide_password=False)
    home = Path(str(engine.url.database)).parent
    process = multiprocessing.get_context("spawn").Process(
        target=_send, args=(url, home, port)
    )
    process.start()
    try:
        late = time.monotonic() + PATIENCE
        while _sent(engine) < before and time.monotonic() < late:
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.join()


def _send(url: str, home: Path, port: int) -> None:
    logging.disable(logging.WARNING)
    worker = Worker(
        connect(url), clients.smtp(port), letter.TOKENS, home=home, lanes=LANES
    )
    uvloop.run(worker.run(asyncio.Event()))


def _sent(engine: Engine) -> int:
    done = Delivery.state == DeliveryState.SENT
    with reading(engine) as session:
        return session.exec(select(func.count()).where(done)).one()
