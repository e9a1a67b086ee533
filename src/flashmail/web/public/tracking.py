"""Where mails tell that they are read: the pixel, the counted links, and the trap.

Bare ASGI, for a mail that a hundred thousand people open at once: verify the token,
note it in memory, answer. No session, no dependency, no template.
"""

from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Receive, Scope, Send

from flashmail.database import reading, transaction
from flashmail.links import BadToken, Purpose, Tokens
from flashmail.model import EventKind
from flashmail.tracking import sendgrid_webhook
from flashmail.tracking.engagement import without_people
from flashmail.tracking.hits import Hit, HitBuffer
from flashmail.tracking.recording import record
from flashmail.tracking.unsubscribe import destinations
from flashmail.web.dependencies import Now, OurTokens
from flashmail.web.page import page
from flashmail.web.policy import BEARER, PROVIDER, BareRoute, allow

#: A transparent picture of one dot.
DOT = b64decode(b"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

Headers = list[tuple[bytes, bytes]]

#: Tokens stand in these addresses: nobody may keep or pass them on.
ALWAYS: Headers = [
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex"),
]

PICTURE: Headers = [
    (b"content-type", b"image/gif"),
    (b"content-length", str(len(DOT)).encode()),
    *ALWAYS,
]

#: Seconds after which a campaign's destinations are looked up again.
FRESH = 60.0

#: Digits of a link's number.
LONGEST_NUMBER = 6

#: Campaigns with destinations that are kept in memory.
KEPT = 256


class LinkCache:
    """Where links lead, kept for a while: they were fixed when they were approved."""

    def __init__(self, engine: Engine, *, fresh: float = FRESH) -> None:
        self._engine, self._fresh = engine, fresh
        self._known: dict[int, tuple[float, dict[int, str]]] = {}

    async def of(self, campaign_id: int, number: int) -> str | None:
        """Return where a link of a campaign leads; None where there is none.

        While the database is away, what was known before is good enough.
        """
        since, urls = self._known.get(campaign_id, (0.0, {}))
        if number not in urls or monotonic() - since >= self._fresh:
            try:
                urls = await run_in_threadpool(self._read, campaign_id)
            except SQLAlchemyError:
                if number not in urls:
                    raise
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[campaign_id] = (monotonic(), urls)
        return urls.get(number)

    def _read(self, campaign_id: int) -> dict[int, str]:
        with reading(self._engine) as session:
            return destinations(session, campaign_id)


def routes(tokens: Tokens, sightings: HitBuffer, leads: LinkCache) -> list[BareRoute]:
    """Return the routes, each with its policy: what it does hangs on a signed token."""

    def note(kind: EventKind, scope: Scope, link: int | None = None) -> int:
        """Note what was done, by the token in the path; return its campaign."""
        token = scope["path_params"]["token"]
        campaign_id, subscriber_id = tokens.read(Purpose.WATCH, token)
        # A program that asks for the head alone shows nobody anything.
        if scope["method"] == "GET":
            now, (says, address) = sightings.clock(), _who(scope)
            sightings.note(
                Hit(kind, campaign_id, subscriber_id, link, now, says, address)
            )
        return campaign_id

    async def pixel(scope: Scope, receive: Receive, send: Send) -> None:
        # Whatever the token was: a broken picture in a mail helps nobody.
        with suppress(BadToken):
            note(EventKind.OPENED, scope)
        await _answer(send, 200, PICTURE, DOT)

    async def click(scope: Scope, receive: Receive, send: Send) -> None:
        campaign_id, _ = tokens.read(Purpose.WATCH, scope["path_params"]["token"])
        number = _number(scope["path_params"]["number"])
        url = await leads.of(campaign_id, number)
        if url is None:
            raise BadToken("there is no such link")
        note(EventKind.CLICKED, scope, number)
        await _lead(send, url)

    async def trap(scope: Scope, receive: Receive, send: Send) -> None:
        note(EventKind.TRAPPED, scope)
        await _lead(send, f"/v/{scope['path_params']['token']}")

    return [
        BareRoute("/o/{token}.gif", _or_gone(pixel), policy=BEARER),
        BareRoute("/c/{token}/{number}", _or_gone(click), policy=BEARER),
        BareRoute("/h/{token}", _or_gone(trap), policy=BEARER),
    ]


def _or_gone(answer: Callable[..., Any]) -> Callable[..., Any]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await answer(scope, receive, send)
        except BadToken:
            await page("gone", 404)(scope, receive, send)

    return app


def _number(text: str) -> int:
    """Return a link's number; one that there never is for what is none."""
    plain = text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER
    return int(text) if plain else -1


def _who(scope: Scope) -> tuple[str, str]:
    """Return a caller's User-Agent and address."""
    says = next((v for k, v in scope["headers"] if k == b"user-agent"), b"")
    client = scope.get("client")
    return says.decode("latin-1"), client[0] if client else ""


async def _lead(send: Send, url: str) -> None:
    to = (b"location", url.encode("latin-1", "replace"))
    await _answer(send, 302, [to, (b"content-length", b"0"), *ALWAYS], b"")


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


router = APIRouter()


@router.post("/webhooks/sendgrid", **allow(PROVIDER))
async def sendgrid_events(request: Request, tokens: OurTokens, now: Now) -> Response:
    """Take SendGrid's signed reports; the same report twice is one event."""
    body = await _body(request)
    sendgrid_webhook.verify(
        body,
        signature=request.headers.get("X-Twilio-Email-Event-Webhook-Signature", ""),
        timestamp=request.headers.get("X-Twilio-Email-Event-Webhook-Timestamp", ""),
        public_key=request.app.state.sendgrid_webhook_key,
        now=now,
    )
    events = list(sendgrid_webhook.events(body, tokens, now=now))

    def keep() -> None:
        kept = request.app.state.sightings.keep
        with transaction(request.app.state.engine) as session:
            record(session, without_people(session, events, keep=kept, now=now))

    await run_in_threadpool(keep)
    return Response(status_code=204)


async def _body(request: Request) -> bytes:
    """Read the body as far as it may be long; it is verified before it is parsed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > sendgrid_webhook.LARGEST_BODY:
            raise HTTPException(413, "The body is too large.")
    return bytes(body)
