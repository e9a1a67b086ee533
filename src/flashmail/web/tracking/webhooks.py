"""Where providers report what became of mails."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from flashmail.database import transaction
from flashmail.tracking import sendgrid
from flashmail.tracking.record import record
from flashmail.tracking.totals import without_people
from flashmail.web.dependencies import Now, OurTokens
from flashmail.web.policy import PROVIDER, allow

router = APIRouter()


@router.post("/webhooks/sendgrid", **allow(PROVIDER))
async def sendgrid_events(request: Request, tokens: OurTokens, now: Now) -> Response:
    """Take SendGrid's signed reports; the same report twice is one event."""
    body = await _body(request)
    sendgrid.verify(
        body,
        signature=request.headers.get("X-Twilio-Email-Event-Webhook-Signature", ""),
        timestamp=request.headers.get("X-Twilio-Email-Event-Webhook-Timestamp", ""),
        public_key=request.app.state.sendgrid_webhook_key,
        now=now,
    )
    events = list(sendgrid.events(body, tokens, now=now))

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
        if len(body) > sendgrid.LARGEST_BODY:
            raise HTTPException(413, "The body is too large.")
    return bytes(body)
