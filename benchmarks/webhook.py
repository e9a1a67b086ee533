"""SendGrid's reports, a thousand a post: kept as they come, and none is lost."""

import base64
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from fastapi import Request as FastRequest
from fastapi import Response as FastResponse
from sqlalchemy import Engine, text

from benchmarks import letter, stock
from benchmarks.measure import Cost, Figure, Goal, by_clock, in_turns, timed
from benchmarks.run import Run, addressed
from benchmarks.serving import call, served
from flashmail.database import connect, transaction
from flashmail.links import Purpose
from flashmail.tracking import sendgrid_webhook
from flashmail.tracking.recording import record
from flashmail.transports.outbox import Outbox
from flashmail.web.app import create_app

#: Events of one post, posts one after the other, and posts at once.
TOGETHER, POSTS, BURST = 1_000, 30, 10

#: Of so many events each is an opening; the others say that a mail was delivered.
OPENED = 5

SUSTAINED, AT_ONCE = Goal(seconds=1 / 3_000), Goal(seconds=1 / 10_000)

KEY = ec.generate_private_key(ec.SECP256R1())

HEADERS = (
    "POST /webhooks/sendgrid HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    "X-Twilio-Email-Event-Webhook-Signature: {}\r\n"
    "X-Twilio-Email-Event-Webhook-Timestamp: {}\r\nContent-Length: {}\r\n\r\n"
)


def figures(run: Run) -> Iterator[Figure]:
    size = run.size(TOGETHER)
    for kind in run.kinds:
        engine = run.empty(kind, "webhook")
        stock.fill(engine, size * POSTS)
        addressed(engine, stock.NEWS, batch_size=500)
        url = engine.url.render_as_string(hide_password=False)
        posts = [post(n * size, size) for n in range(POSTS)]
        few = [post(0, max(2, size // 10))]
        with (
            served("benchmarks.webhook:ours", url, str(run.folder), public()) as mine,
            served("benchmarks.webhook:naive", url) as simple,
        ):
            ways = {
                "sustained": partial(_told, engine, mine, posts, size),
                "burst": partial(_told, engine, mine, posts[:BURST], size, burst=True),
                "naive": partial(_told, engine, simple, few, max(2, size // 10)),
            }
            costs = in_turns(ways, run.few(3))
        for name, goal in (("sustained", SUSTAINED), ("burst", AT_ONCE)):
            yield by_clock(
                f"webhook, {name}, {kind}",
                "a session for each event",
                costs[name],
                costs["naive"],
                goal=goal,
                remark=" an event",
            )


def ours(url: str, folder: str, key: str) -> FastAPI:
    """Serve the webhook, as `flashmail serve` does."""
    outbox = Outbox(Path(folder) / "outbox")
    return create_app(connect(url), letter.TOKENS, outbox, sendgrid_webhook_key=key)


def naive(url: str) -> FastAPI:
    """Keep each event in a session of its own, and verify nothing."""
    app, engine = FastAPI(), connect(url)

    @app.post("/webhooks/sendgrid")
    async def told(request: FastRequest) -> FastResponse:
        now = datetime.now(UTC)
        for event in sendgrid_webhook.events(
            await request.body(), letter.TOKENS, now=now
        ):
            with transaction(engine) as session:
                record(session, [event])
        return FastResponse(status_code=204)

    return app


def public() -> str:
    der = KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def post(first: int, size: int) -> bytes:
    """Return a signed post about so many readers, from one on."""
    moment = int(datetime.now(UTC).timestamp())
    told = [
        {
            "event": "delivered" if number % OPENED else "open",
            "email": f"reader{number}@example.org",
            sendgrid_webhook.OUR_ARGUMENT: letter.TOKENS.write(
                Purpose.WATCH, 1, number
            ),
            "sg_event_id": f"event-{number}-of-some-length",
            "sg_message_id": f"message-{number}.filter0307p1las1-16816-5A023E36-1.0",
            "response": "250 OK",
            "timestamp": moment,
            "useragent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",
            "ip": "192.0.2.7",
        }
        for number in range(first + 1, first + size + 1)
    ]
    body = orjson.dumps(told)
    signed = KEY.sign(str(moment).encode() + body, ec.ECDSA(hashes.SHA256()))
    head = HEADERS.format(base64.b64encode(signed).decode(), moment, len(body))
    return head.encode() + body


def _told(
    engine: Engine, port: int, posts: Sequence[bytes], size: int, *, burst: bool = False
) -> Cost:
    """Post one by one, or a burst all at once; see to it that nothing was lost."""
    with transaction(engine) as session:
        session.execute(text("DELETE FROM event"))
        session.execute(text("UPDATE delivery SET state = 'sent'"))

    def work() -> None:
        for some in [posts] if burst else [[each] for each in posts]:
            call(port, some)

    events = size * len(posts)
    cost = timed(work, events)
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT count(*) FROM event")).scalar_one()
    assert kept == events, f"{events - kept} were lost"
    return cost
