"""The web application, put together."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flashmail import bootstrap, maintenance
from flashmail.campaigns.content import MailKit
from flashmail.errors import FlashmailError, NotFound
from flashmail.links import BadToken, Tokens
from flashmail.maintenance import worker_running
from flashmail.settings import Settings, Tracking
from flashmail.staff.oidc import Provider
from flashmail.staff.permissions import PermissionDenied
from flashmail.tasks import Tasks
from flashmail.tracking.hits import WAIT, HitBuffer
from flashmail.tracking.sendgrid_webhook import BadSignature
from flashmail.tracking.unsubscribe import Spool
from flashmail.transports.outbox import Outbox
from flashmail.web.newsroom import (
    approval,
    audit,
    campaigns,
    correction,
    drafts,
    editor,
    imports,
    members,
    operations,
    overview,
    preparation,
    previews,
    segments,
    sign_in,
    subscribers,
    suppressions,
)
from flashmail.web.newsroom.previews import AudienceSizeCache
from flashmail.web.page import STATIC, asked, page
from flashmail.web.policy import EVERYONE, BareRoute, SignInFirst, allow
from flashmail.web.public import (
    archive,
    personal_data,
    preferences,
    signup,
    tracking,
    unsubscribe,
)
from flashmail.web.public.signup_limits import SignupLimiter
from flashmail.web.public.tracking import LinkCache
from flashmail.web.public.tracking import routes as tracking_routes

#: On every answer. Tokens stand in our addresses: no other site may learn them.
ALWAYS = {
    # Not "no-referrer": browsers then hide the origin of our own forms, too.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}

#: All that have routes. Drafts come first: the editor's fixed paths would else be taken
#: for the number of a draft.
PAGES = (
    *(drafts.router, editor.router, previews.router),
    *(preparation.router, approval.router),
    *(campaigns.router, correction.router),
    *(subscribers.router, segments.router, suppressions.router, imports.router),
    *(overview.router, operations.router),
    *(sign_in.router, members.router, audit.router),
    *(archive.router, signup.router, unsubscribe.router),
    *(personal_data.router, preferences.router),
    tracking.router,
)


class Application(FastAPI):
    """The application. What is called the most does not go through all of it."""

    quick: Mapping[str, BareRoute] = MappingProxyType({})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self.quick.get(scope["path"][:3]) if scope["type"] == "http" else None
        answer = route.quickly(scope) if route else None
        await (answer or super().__call__)(scope, receive, send)


def create_app(
    engine: Engine,
    tokens: Tokens,
    outbox: Outbox,
    *,
    sendgrid_webhook_key: str = "",
    tasks: Tasks | None = None,
    home: Path | None = None,
    kit: MailKit | None = None,
    sightings: HitBuffer | None = None,
    training: bool = False,
    tracking: Tracking = Tracking.REFUSABLE,
    oidc: Provider | None = None,
) -> FastAPI:
    """Build the pages around what they are given. Nothing is sent from here."""
    app = Application(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.sightings = sightings or HitBuffer(engine)
    bare = tracking_routes(tokens, app.state.sightings, LinkCache(engine))
    app.router.routes += bare
    app.quick = {route.path[:3]: route for route in bare}
    app.state.engine = engine
    app.state.tokens = tokens
    app.state.outbox = outbox
    app.state.home = home
    app.state.uploads = (home or Path(tempfile.gettempdir())) / "uploads"
    app.state.tasks = tasks or Tasks(engine)
    app.state.sizes = AudienceSizeCache(engine)
    app.state.mail_kit = kit or bootstrap.mail_kit(bootstrap.sample(Path()))
    app.state.training = training
    app.state.tracking = tracking
    app.state.oidc = oidc
    app.state.sendgrid_webhook_key = sendgrid_webhook_key
    app.state.spool = Spool(engine, tokens, home)
    app.state.gate = SignupLimiter(tokens)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in PAGES:
        app.include_router(router)
    app.add_api_route("/healthz", _healthy, **allow(EVERYONE))
    app.add_middleware(_Always)
    app.add_exception_handler(SignInFirst, _sign_in)
    app.add_exception_handler(BadToken, _no_such_link)
    app.add_exception_handler(NotFound, _missing)
    app.add_exception_handler(BadSignature, _refused)
    app.add_exception_handler(PermissionDenied, _forbidden)
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
        kit=bootstrap.mail_kit(settings),
        sightings=HitBuffer(
            engine, wait=WAIT, keep=bootstrap.engagement_kept(settings)
        ),
        training=settings.training,
        tracking=settings.tracking,
        oidc=bootstrap.oidc(settings),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        worker = bootstrap.worker(settings, engine)
        todo = [
            *maintenance.server_jobs(worker, app.state.spool.replay),
            *maintenance.jobs(settings, worker),
        ]
        with worker_running(worker, todo):
            yield
        app.state.tasks.close()
        app.state.sightings.flush()
        app.state.spool.close()

    app.router.lifespan_context = lifespan
    return app


def _healthy() -> Response:
    return PlainTextResponse("ok")


class _Always:
    """Puts what is on every answer on it, in plain ASGI: quicker than a middleware that
    makes a request and a response of everything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
            await send(message)

        answering = asked.set(Request(scope))
        try:
            await self._app(scope, receive, answer)
        finally:
            asked.reset(answering)


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


def _forbidden(request: Request, error: Exception) -> Response:
    return page("told", 403, what="That is not for you", why=str(error))


def _wrong(request: Request, error: Exception) -> Response:
    return page("told", 409, what="That cannot be done", why=str(error))


def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return page("told", error.status_code, what=str(error.detail), why="")
