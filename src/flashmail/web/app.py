"""The web application, put together."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from starlette.exceptions import HTTPException

from flashmail import bootstrap
from flashmail.audience.change import NoSuchSubscriber
from flashmail.audience.roster.upload import NoSuchUpload
from flashmail.audience.segments import NoSuchSegment
from flashmail.drafts.errors import NoSuchDraft
from flashmail.errors import FlashmailError
from flashmail.links import BadToken, Tokens
from flashmail.sending.campaigns import NoSuchCampaign
from flashmail.sending.press import Press
from flashmail.settings import Settings
from flashmail.tracking.sendgrid import BadSignature
from flashmail.transports.outbox import Outbox
from flashmail.web import (
    editor,
    house,
    imports,
    login,
    metrics,
    overview,
    previews,
    readers,
    reports,
    segments,
    subscribers,
    suppressions,
    task_pages,
    topics,
    versions,
    webhooks,
    writing,
)
from flashmail.web.background import at_work
from flashmail.web.page import STATIC, asked, page
from flashmail.web.policy import EVERYONE, SignInFirst, allow
from flashmail.web.tasks import Tasks

#: On every answer. Tokens stand in our addresses: no other site may learn them.
ALWAYS = {
    # Not "no-referrer": browsers then hide the origin of our own forms, too.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

#: Whatever has routes; writing first: others would take its words for a number.
PAGES = (
    writing,
    editor,
    previews,
    versions,
    house,
    imports,
    login,
    metrics,
    overview,
    readers,
    reports,
    segments,
    subscribers,
    suppressions,
    task_pages,
    topics,
    webhooks,
)

#: What there is none of is a page that is not there.
MISSING = (
    NoSuchCampaign,
    NoSuchDraft,
    NoSuchSegment,
    NoSuchSubscriber,
    NoSuchUpload,
)


def create_app(
    engine: Engine,
    tokens: Tokens,
    outbox: Outbox,
    *,
    sendgrid_webhook_key: str = "",
    tasks: Tasks | None = None,
    home: Path | None = None,
    press: Press | None = None,
) -> FastAPI:
    """Build the pages around what they are given. Nothing is sent from here."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.engine = engine
    app.state.tokens = tokens
    app.state.outbox = outbox
    app.state.home = home
    app.state.uploads = (home or Path(tempfile.gettempdir())) / "uploads"
    app.state.tasks = tasks or Tasks(engine)
    app.state.press = press or bootstrap.press(bootstrap.sample(Path()))
    app.state.sendgrid_webhook_key = sendgrid_webhook_key
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for each in PAGES:
        app.include_router(each.router)
    app.add_api_route("/healthz", _healthy, **allow(EVERYONE))
    app.middleware("http")(_always)
    app.add_exception_handler(SignInFirst, _sign_in)
    app.add_exception_handler(BadToken, _no_such_link)
    for kind in MISSING:
        app.add_exception_handler(kind, _missing)
    app.add_exception_handler(BadSignature, _refused)
    app.add_exception_handler(FlashmailError, _wrong)
    app.add_exception_handler(HTTPException, _told)
    return app


def serving(settings: Settings) -> FastAPI:
    """Build the pages of an installation, with its ticker and worker at work."""
    engine = bootstrap.engine_with_topics(settings)
    app = create_app(
        engine,
        bootstrap.tokens(settings),
        bootstrap.outbox(settings),
        sendgrid_webhook_key=settings.sendgrid_webhook_key,
        home=settings.home,
        press=bootstrap.press(settings),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with at_work(bootstrap.worker(settings, engine)):
            yield
        app.state.tasks.close()

    app.router.lifespan_context = lifespan
    return app


def _healthy() -> Response:
    return PlainTextResponse("ok")


async def _always(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    answering = asked.set(request)
    try:
        response = await call_next(request)
    finally:
        asked.reset(answering)
    for name, value in ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInFirst)
    if request.method not in {"GET", "HEAD"}:
        return page("told", 401, what="Please sign in again", why="")
    return RedirectResponse(f"/sign-in?next={error.path}", 303)


def _no_such_link(request: Request, error: Exception) -> Response:
    return page("gone", 404)


def _missing(request: Request, error: Exception) -> Response:
    return page("told", 404, what="There is no such page", why=str(error))


def _refused(request: Request, error: Exception) -> Response:
    return PlainTextResponse("refused", 403)


def _wrong(request: Request, error: Exception) -> Response:
    return page("told", 409, what="That cannot be done", why=str(error))


def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return page("told", error.status_code, what=str(error.detail), why="")
