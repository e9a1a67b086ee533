"""Readers' pages, against a route that does nothing."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import text

from benchmarks import letter, stock
from benchmarks.measure import Figure, by_clock, in_turns, timed
from benchmarks.pixel import SAYS
from benchmarks.run import Run, addressed
from benchmarks.serving import call, served
from flashmail.database import connect
from flashmail.links import Purpose
from flashmail.transports.outbox import Outbox
from flashmail.web.app import create_app

READERS = 2_000

#: Where readers choose, leave and join.
PATHS = {"preferences": "/p/{}", "leave": "/u/{}", "join": "/join"}


def figures(run: Run) -> Iterator[Figure]:
    readers = run.size(READERS)
    for kind in run.kinds:
        engine = run.empty(kind, "pages")
        stock.fill(engine, 1)
        addressed(engine, stock.NEWS, batch_size=500)
        with engine.begin() as connection:
            connection.execute(text("UPDATE delivery SET state = 'sent'"))
        url = engine.url.render_as_string(hide_password=False)
        with (
            served("benchmarks.pages:ours", url, str(run.folder)) as mine,
            served("benchmarks.pixel:constant") as theirs,
        ):
            for name, path in PATHS.items():
                asked = [_request(path, Purpose.LEAVE)] * readers
                plain = [_request("/c/{}/1", Purpose.WATCH)] * readers
                ways = {
                    "ours": partial(timed, partial(call, mine, asked), readers),
                    "constant": partial(timed, partial(call, theirs, plain), readers),
                }
                costs = in_turns(ways, run.few(3))
                yield by_clock(
                    f"page {name!r}, {kind}",
                    "a constant Starlette route",
                    costs["ours"],
                    costs["constant"],
                    remark=" a page",
                )


def ours(url: str, folder: str) -> FastAPI:
    """Serve the pages, as `flashmail serve` does."""
    return create_app(connect(url), letter.TOKENS, Outbox(Path(folder) / "outbox"))


def _request(path: str, purpose: Purpose) -> bytes:
    line = f"GET {path.format(letter.TOKENS.write(purpose, 1, 1))} HTTP/1.1\r\n"
    return line.encode() + b"Host: x\r\nUser-Agent: " + SAYS + b"\r\n\r\n"
