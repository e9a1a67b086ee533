"""The outbox: mail that stayed on this machine."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from flashmail.model import Role
from flashmail.web.dependencies import TheOutbox
from flashmail.web.page import mail, page
from flashmail.web.policy import allow

router = APIRouter()

MAILS_SHOWN = 100


@router.get("/outbox", **allow(Role.VIEWER))
def outbox(outbox: TheOutbox) -> Response:
    """List the mails that the outbox keeps, the latest first."""
    return page("outbox", mails=list(outbox.mails(limit=MAILS_SHOWN)))


@router.get("/outbox/{key}", **allow(Role.VIEWER))
def outbox_mail(key: str, outbox: TheOutbox) -> Response:
    """Show one mail as a mail program would."""
    kept = outbox.mail(key)
    if kept is None:
        raise HTTPException(404, "There is no such mail.")
    return page("mail", mail=kept, key=key)


@router.get("/outbox/{key}/html", **allow(Role.VIEWER))
def outbox_html(key: str, outbox: TheOutbox) -> Response:
    """Return a mail's html part, for the frame of its page."""
    kept = outbox.mail(key)
    if kept is None:
        raise HTTPException(404, "There is no such mail.")
    return mail(kept.html)


@router.get("/outbox/{key}/raw", **allow(Role.VIEWER))
def outbox_raw(key: str, outbox: TheOutbox) -> Response:
    """Return a mail's bytes as they would travel."""
    kept = outbox.mail(key)
    if kept is None:
        raise HTTPException(404, "There is no such mail.")
    return Response(
        kept.raw,
        media_type="text/plain; charset=utf-8",
        headers={"X-Content-Type-Options": "nosniff"},
    )
