"""Where the links in mails lead: leave, choose topics, view."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session

from flashmail.audience.preferences import choices, choose
from flashmail.briefs.embargo import lifted
from flashmail.links import NOBODY, BadToken, Purpose
from flashmail.message import LEAVE, TOKEN_WIDTH, WATCH, fill
from flashmail.model import Campaign, Delivery, Subscriber, SubscriberStatus
from flashmail.sending.campaigns import embargo_of
from flashmail.tracking import readers
from flashmail.web.dependencies import Now, OurTokens, Reading, Writing
from flashmail.web.page import mail, page
from flashmail.web.policy import BEARER, allow

router = APIRouter()

#: The field by which our own form differs from a mail program's one click.
OUR_FORM = "confirm"


@router.get("/u/{token}", **allow(BEARER))
def ask_to_leave(token: str, session: Reading, tokens: OurTokens) -> Response:
    """Show the page with the button. Only pressing it changes anything."""
    _, subscriber_id = tokens.read(Purpose.LEAVE, token)
    return page("leave", token=token, **_who(session, subscriber_id))


@router.post("/u/{token}", **allow(BEARER))
async def leave(
    token: str, request: Request, session: Writing, tokens: OurTokens, now: Now
) -> Response:
    """Unsubscribe: by the button, or by RFC 8058's one click, which gets no page."""
    # Read before the first query: who sends slowly must not hold the database.
    form = await _form(request)
    readers.left(session, tokens, token, now=now)
    return page("left", token=token) if OUR_FORM in form else Response()


@router.get("/p/{token}", **allow(BEARER))
def preferences(token: str, session: Reading, tokens: OurTokens) -> Response:
    """Show which topics a reader follows and could follow."""
    _, subscriber_id = tokens.read(Purpose.LEAVE, token)
    return _preferences(session, token, subscriber_id, saved=False)


@router.post("/p/{token}", **allow(BEARER))
async def save_preferences(
    token: str, request: Request, session: Writing, tokens: OurTokens
) -> Response:
    """Keep a reader's choice of topics."""
    _, subscriber_id = tokens.read(Purpose.LEAVE, token)
    form = await _form(request)
    choose(
        session,
        subscriber_id,
        shown=_numbers(form, "shown"),
        ticked=_numbers(form, "topic"),
    )
    return _preferences(session, token, subscriber_id, saved=True)


@router.get("/v/{token}", **allow(BEARER))
def view(token: str, session: Reading, tokens: OurTokens, now: Now) -> Response:
    """Show a mail in the browser, without what only its reader may know or do."""
    key = tokens.read(Purpose.WATCH, token)
    campaign = session.get(Campaign, key[0])
    known = key[1] == NOBODY or session.get(Delivery, key) is not None
    if campaign is None or not known:
        raise BadToken("this mail is not kept any more")
    if not lifted(embargo_of(session, campaign), now=now):
        raise BadToken("this brief is not to be seen yet")
    shared = {WATCH: token, LEAVE: "0" * TOKEN_WIDTH}
    return mail(fill(campaign.html, lambda field: shared.get(field, "")))


def _preferences(
    session: Session, token: str, subscriber_id: int, *, saved: bool
) -> Response:
    return page(
        "preferences",
        token=token,
        saved=saved,
        choices=choices(session, subscriber_id),
        **_who(session, subscriber_id),
    )


def _who(session: Session, subscriber_id: int) -> dict[str, Any]:
    """What a page may show to whoever has the link: a mail can be passed on."""
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is None:
        raise BadToken("nobody gets mail by this link any more")
    local, _, domain = subscriber.address.partition("@")
    return {
        "address": f"{local[:1]}…@{domain}",
        "left": subscriber.status is SubscriberStatus.UNSUBSCRIBED,
    }


async def _form(request: Request) -> Any:
    """Return the fields of a form in either encoding; none where it is no form."""
    try:
        return await request.form(max_files=0, max_fields=500)
    except Exception:
        # One click must work whatever a mail program writes into the body.
        return {}


def _numbers(form: Any, field: str) -> set[int]:
    values = form.getlist(field) if hasattr(form, "getlist") else []
    return {int(each) for each in values if str(each).isdecimal()}
