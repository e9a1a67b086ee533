"""What only a reader may do: take the data along, move, be erased.

The links in a mail go along when it is passed on, so they do not lead here. One that
was written to the reader's own mailbox does, for a day.
"""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session

from flashmail.addresses import BadAddress, masked, parse_address
from flashmail.links import BadToken
from flashmail.model import Subscriber, SubscriberStatus
from flashmail.privacy import as_text, erase_everywhere, takeout
from flashmail.subscribers.preferences import WORDING, ConsentSource, network_of
from flashmail.subscribers.requests import request_address_change
from flashmail.transactional.mails import owner
from flashmail.web.dependencies import Now, OurTokens, Reading, TheOutbox, Writing
from flashmail.web.page import page
from flashmail.web.policy import BEARER, allow


def person_of(session: Session, subscriber_id: int) -> Subscriber:
    """Return the person of a link; raise BadToken where that person was erased."""
    person = session.get(Subscriber, subscriber_id)
    if person is None:
        raise BadToken("nobody gets mail by this link any more")
    return person


def shown(person: Subscriber) -> dict[str, Any]:
    """What a page may show to the holder of a link: a mail can be passed on."""
    return {
        "address": masked(person.address),
        "left": person.status is SubscriberStatus.UNSUBSCRIBED,
    }


def where(request: Request, wording: str, source: str) -> ConsentSource:
    """Return where a word was given, for the consent ledger."""
    host = request.client.host if request.client else ""
    return ConsentSource(wording, source, network_of(host))


async def form_of(request: Request) -> Any:
    """Return the fields of a form in either encoding; none where it is no form."""
    try:
        return await request.form(max_files=0, max_fields=2000)
    except Exception:
        # One click must work whatever a mail program writes into the body.
        return {}


def texts(form: Any) -> dict[str, str]:
    """Return the fields of a form that are texts, the last of each name."""
    return {name: each for name, each in form.items() if isinstance(each, str)}


def changes(fields: dict[str, str], names: list[str]) -> dict[str, str]:
    """Return the fields of these names with another value than was shown.

    A box that is not ticked is not sent at all.
    """
    return {
        name: value
        for name in names
        if f"was-{name}" in fields
        and (value := fields.get(name, "")) != fields[f"was-{name}"]
    }


router = APIRouter()

ERASED = (
    "Nothing is kept of you but a keyed hash of your address, so that no import brings"
    " you back."
)


@router.get("/me/{token}", **allow(BEARER))
def own(token: str, session: Reading, tokens: OurTokens, now: Now) -> Response:
    """Show what can be done with such a link."""
    return page("own", token=token, **shown(_person(session, tokens, token, now)))


@router.post("/me/{token}/data", **allow(BEARER))
def my_data(token: str, session: Reading, tokens: OurTokens, now: Now) -> Response:
    """Hand out everything that is kept of a reader."""
    person = _person(session, tokens, token, now)
    return Response(
        as_text(takeout(session, person)),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="my-data.json"'},
    )


@router.get("/me/{token}/address", **allow(BEARER))
def ask_for_address(
    token: str, session: Reading, tokens: OurTokens, now: Now
) -> Response:
    """Ask for the new address."""
    person = _person(session, tokens, token, now)
    return page("move", token=token, asked=False, wrong="", **shown(person))


@router.post("/me/{token}/address", **allow(BEARER))
async def change_address(
    token: str, request: Request, session: Writing, tokens: OurTokens, now: Now
) -> Response:
    """Write to the new address; nothing changes before it has confirmed."""
    fields = texts(await form_of(request))
    person = _person(session, tokens, token, now)
    place = where(request, WORDING, "preference page")
    try:
        address = parse_address(fields.get("address", "").strip())
    except BadAddress as problem:
        wrong = str(problem)
        return page("move", 422, token=token, asked=False, wrong=wrong, **shown(person))
    request_address_change(session, person, address, where=place, now=now)
    return page("move", token=token, asked=True, wrong="", **shown(person))


@router.get("/me/{token}/erase", **allow(BEARER))
def ask_to_erase(token: str, session: Reading, tokens: OurTokens, now: Now) -> Response:
    """Say what erasing means."""
    person = _person(session, tokens, token, now)
    return page("erase", token=token, sure=False, **shown(person))


@router.post("/me/{token}/erase", **allow(BEARER))
async def erase_me(
    token: str,
    request: Request,
    session: Writing,
    tokens: OurTokens,
    outbox: TheOutbox,
    now: Now,
) -> Response:
    """Erase a reader that has said so twice."""
    fields = texts(await form_of(request))
    person = _person(session, tokens, token, now)
    if fields.get("really") != "yes":
        return page("erase", token=token, sure=True, **shown(person))
    erase_everywhere(session, person, outbox, now=now)
    return page("told", what="You are erased", why=ERASED)


def _person(
    session: Session, tokens: OurTokens, token: str, now: datetime
) -> Subscriber:
    return person_of(session, owner(session, tokens, token, now=now))
