"""Joining: a public form, and a page on which the address itself confirms it."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, Response

from flashmail.addresses import BadAddress, parse_address
from flashmail.database import transaction
from flashmail.errors import RequestNotFound
from flashmail.links import Purpose
from flashmail.model import Frequency, SubscriptionRequest
from flashmail.subscribers.preferences import choices
from flashmail.subscribers.requests import (
    block_address,
    confirm,
    find_open,
    offered,
    request_subscription,
)
from flashmail.transactional.mails import notify_old_address
from flashmail.web.dependencies import Now, OurTokens, Reading, Writing
from flashmail.web.page import page
from flashmail.web.policy import BEARER, EVERYONE, allow
from flashmail.web.public.personal_data import form_of, where
from flashmail.web.public.signup_limits import BITS, SignupDecision, SignupLimiter

router = APIRouter()

#: The version of what the form says.
WORDING = "join 1"

#: No person fills this field, which no person sees.
HONEYPOT = "website"

FREQUENCIES = {
    Frequency.INSTANT.value: "At once, each as it is published",
    Frequency.DAILY.value: "Once a day, in the morning",
    Frequency.WEEKLY.value: "Once a week, on Mondays",
    Frequency.URGENT.value: "Only what is urgent",
}

LANGUAGES = {"": "No preference", "en": "English", "de": "Deutsch", "fr": "Français"}

TOO_MANY = "Too many requests come from where you are. Please try again in an hour."

BUSY = (
    "Many people are joining at this moment. Please press the button again; without"
    " scripts, wait a minute first."
)


@router.get("/join", **allow(EVERYONE))
def ask(request: Request, session: Reading, now: Now) -> Response:
    """Show the form; no topic is chosen before somebody chooses it."""
    attacked = _gate(request).attacked(now=now)
    return _form(request, choices(session, None), {}, now=now, prove=attacked)


@router.post("/join", **allow(EVERYONE))
async def join(request: Request, now: Now) -> Response:
    """Keep a request; the answer does not tell whether the address is known."""
    form = await form_of(request)
    return await run_in_threadpool(_request_signup, request, form, now)


@router.get("/join/snippet", **allow(EVERYONE))
def snippet(request: Request, session: Reading) -> Response:
    """Return the form as html to be put into another page."""
    base = request.app.state.mail_kit.links.base_url
    html = page("join-snippet", base=base, topics=offered(session), often=FREQUENCIES)
    return PlainTextResponse(bytes(html.body))


@router.get("/j/{token}", **allow(BEARER))
def ask_to_confirm(
    token: str, session: Reading, tokens: OurTokens, now: Now
) -> Response:
    """Show the page with the button. Only pressing it changes anything."""
    signup = find_open(session, tokens.read(Purpose.CONFIRM, token)[1], now=now)
    names = {each.id: each.name for each in offered(session)}
    topics = [names[int(each)] for each in signup.topics if int(each) in names]
    return page("confirm", token=token, signup=_plain(signup), topics=topics)


@router.post("/j/{token}", **allow(BEARER))
def confirmed(
    token: str, request: Request, session: Writing, tokens: OurTokens, now: Now
) -> Response:
    """Let somebody in, or move a reader to this address."""
    signup = find_open(session, tokens.read(Purpose.CONFIRM, token)[1], now=now)
    place = where(request, WORDING, "confirmation page")
    done = confirm(session, signup, where=place, now=now)
    if done.undo_request:
        links = request.app.state.mail_kit.links
        notify_old_address(session, done.undo_request, signup, tokens, links, now=now)
    theirs = tokens.write(Purpose.LEAVE, 0, done.subscriber_id)
    return page("confirmed", token=theirs, moved=signup.changes_address)


@router.get("/n/{token}", **allow(BEARER))
def ask_for_never(token: str, tokens: OurTokens) -> Response:
    """Show the page with the button."""
    tokens.read(Purpose.NEVER, token)
    return page("never", token=token, done=False)


@router.post("/n/{token}", **allow(BEARER))
def never_again(token: str, session: Writing, tokens: OurTokens, now: Now) -> Response:
    """See to it that nobody can have this address mailed by a form any more."""
    signup = session.get(SubscriptionRequest, tokens.read(Purpose.NEVER, token)[1])
    if signup is None:
        raise RequestNotFound("this request is not kept any more")
    block_address(session, signup, now=now)
    return page("never", token=token, done=True)


def _request_signup(request: Request, form: Any, now: Now) -> Response:
    fields: dict[str, Any] = {
        name: str(form.get(name, "")) for name in ("address", "often", "language")
    }
    fields["chosen"] = [str(each) for each in _list(form, "topic")]
    place = request.client.host if request.client else ""
    with transaction(request.app.state.engine) as session:
        tree = choices(session, None)
        free = {each.id for each in offered(session)}
        wrong = _wrong(fields, free)
        if wrong:
            return _form(request, tree, fields, now=now, wrong=wrong)
        challenge, proof = str(form.get("challenge", "")), str(form.get("proof", ""))
        verdict = _gate(request).admit(place, challenge, proof, now=now)
        if verdict is SignupDecision.LATER:
            return _form(request, tree, fields, now=now, wrong=TOO_MANY, status=429)
        if verdict is SignupDecision.PROVE:
            return _form(request, tree, fields, now=now, prove=True, wrong=BUSY)
        if not form.get(HONEYPOT):
            request_subscription(
                session,
                parse_address(fields["address"].strip()),
                dict.fromkeys(_numbers(fields["chosen"], free), fields["often"]),
                fields["language"],
                where=where(request, WORDING, "join form"),
                now=now,
            )
    return page("joined")


def _wrong(fields: dict[str, Any], free: set[int | None]) -> str:
    """Return what has to be mended in a form; it is the same for every address."""
    try:
        parse_address(fields["address"].strip())
    except BadAddress as problem:
        return str(problem)
    if fields["often"] not in FREQUENCIES:
        return "Please choose how often we may write."
    if fields["language"] not in LANGUAGES:
        return "Please choose one of the languages."
    # A private topic is as unknown here as one that there is not.
    return "" if _numbers(fields["chosen"], free) else "Please choose a topic."


def _form(
    request: Request,
    tree: Any,
    fields: dict[str, Any],
    *,
    now: Now,
    prove: bool = False,
    wrong: str = "",
    status: int = 0,
) -> Response:
    return page(
        "join",
        status or (422 if wrong else 200),
        choices=tree,
        chosen=fields.get("chosen", []),
        address=fields.get("address", ""),
        often=FREQUENCIES,
        how=fields.get("often", Frequency.INSTANT.value),
        languages=LANGUAGES,
        language=fields.get("language", ""),
        honeypot=HONEYPOT,
        challenge=_gate(request).challenge(now=now) if prove else "",
        bits=BITS,
        wrong=wrong,
    )


def _gate(request: Request) -> SignupLimiter:
    gate: SignupLimiter = request.app.state.gate
    return gate


def _plain(signup: SubscriptionRequest) -> dict[str, Any]:
    return {"address": signup.address, "changes_address": signup.changes_address}


def _list(form: Any, field: str) -> list[Any]:
    return list(form.getlist(field)) if hasattr(form, "getlist") else []


def _numbers(texts: list[str], free: set[int | None]) -> list[int]:
    numbers = [int(each) for each in texts if each.isascii() and each.isdecimal()]
    return [each for each in dict.fromkeys(numbers) if each in free]
