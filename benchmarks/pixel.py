"""Opens and clicks, against a route that does nothing and one with a session each."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from fastapi import Response as FastResponse
from sqlalchemy import Engine, text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks import letter, stock
from benchmarks.measure import Cost, Figure, Goal, by_clock, in_turns, timed
from benchmarks.run import Run, addressed
from benchmarks.serving import call, served
from flashmail.database import connect, transaction
from flashmail.links import Purpose
from flashmail.model import EventKind
from flashmail.tracking.hits import WAIT, Hit, HitBuffer, keep
from flashmail.transports.outbox import Outbox
from flashmail.web.app import create_app
from flashmail.web.public.tracking import DOT

#: Readers who open in one round; the naive way is measured with fewer.
READERS, FEW = 20_000, 400

LINK = "INSERT INTO link VALUES (1, 1, 'https://www.example.org/report')"

SAYS = b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def figures(run: Run) -> Iterator[Figure]:
    readers, few = run.size(READERS), run.size(FEW)
    for kind in run.kinds:
        engine = run.empty(kind, "pixel")
        stock.fill(engine, readers)
        addressed(engine, stock.NEWS, batch_size=500)
        with engine.begin() as connection:
            connection.execute(text("UPDATE delivery SET state = 'sent'"))
            connection.execute(text(LINK))
        url = engine.url.render_as_string(hide_password=False)
        for what, path in (("opens", "/o/{}.gif"), ("clicks", "/c/{}/1")):
            many = [_request(path, n) for n in range(1, readers + 1)]
            with (
                served("benchmarks.pixel:ours", url, str(run.folder)) as mine,
                served("benchmarks.pixel:constant") as theirs,
                served("benchmarks.pixel:naive", url) as simple,
            ):
                ways = {
                    "ours": partial(_called, engine, mine, many),
                    "constant": partial(_plainly, theirs, many),
                    "naive": partial(_called, engine, simple, many[:few]),
                }
                costs = in_turns(ways, run.few(3))
            name = f"{what}, {kind}"
            yield by_clock(
                name,
                "a constant Starlette route",
                costs["ours"],
                costs["constant"],
                goal=Goal(ratio=0.65),
                remark=" a request",
            )
            yield by_clock(
                name,
                "a session for each",
                costs["ours"],
                costs["naive"],
                goal=Goal(ratio=15),
                remark=" a request",
            )


def ours(url: str, folder: str) -> FastAPI:
    """Serve what readers call, as `flashmail serve` does."""
    sightings = HitBuffer(engine := connect(url), wait=WAIT)
    app = create_app(
        engine, letter.TOKENS, Outbox(Path(folder) / "outbox"), sightings=sightings
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        sightings.flush()

    app.router.lifespan_context = lifespan
    return app


def constant() -> Starlette:
    """Answer the same dot to everybody."""

    async def dot(request: Request) -> Response:
        return Response(DOT, media_type="image/gif")

    paths = ("/o/{token}.gif", "/c/{token}/{number}")
    return Starlette(routes=[Route(path, dot) for path in paths])


def naive(url: str) -> FastAPI:
    """Note each call in a session of its own, as one would write it."""
    app, engine = FastAPI(), connect(url)

    def note(token: str, kind: EventKind, link: int | None) -> None:
        pair = letter.TOKENS.read(Purpose.WATCH, token)
        seen = Hit(kind, *pair, link, datetime.now(UTC), SAYS.decode(), "")
        keep(engine, [seen])

    @app.get("/o/{token}.gif")
    def opened(token: str) -> FastResponse:
        note(token, EventKind.OPENED, None)
        return FastResponse(DOT, media_type="image/gif")

    @app.get("/c/{token}/{number}")
    def clicked(token: str, number: int) -> FastResponse:
        note(token, EventKind.CLICKED, number)
        return FastResponse(status_code=204)

    return app


def _request(path: str, reader: int) -> bytes:
    token = letter.TOKENS.write(Purpose.WATCH, 1, reader)
    line = f"GET {path.format(token)} HTTP/1.1\r\nHost: x\r\nUser-Agent: "
    return line.encode() + SAYS + b"\r\n\r\n"


def _plainly(port: int, requests: Sequence[bytes]) -> Cost:
    return timed(lambda: call(port, requests), len(requests))


def _called(engine: Engine, port: int, requests: Sequence[bytes]) -> Cost:
    """Call, and see to it that nothing of it was lost."""
    with transaction(engine) as session:
        session.execute(text("DELETE FROM event"))
    cost = _plainly(port, requests)
    _until(lambda: _kept(engine) >= len(requests))
    return cost


def _kept(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM event")).scalar_one())


def _until(done: Callable[[], bool]) -> None:
    late = time.monotonic() + 60
    while not done():
        assert time.monotonic() < late, "some were lost"
        time.sleep(0.05)
