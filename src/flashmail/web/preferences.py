"""The preference page, reached by a signed link: no account, no password."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session

from flashmail.audience.addresses import BadAddress, parse_address
from flashmail.audience.erase import erase
from flashmail.audience.knocks import ask_to_move
from flashmail.audience.preferences import WORDING, choices, choose, wishes
from flashmail.audience.quiet import zones
from flashmail.audience.takeout import as_text, takeout
from flashmail.errors import WrongInput
from flashmail.links import Purpose
from flashmail.model import Frequency, Subscriber
from flashmail.reports.reader import latest_briefs
from flashmail.web.dependencies import Now, OurTokens, Reading, Writing
from flashmail.web.page import page
from flashmail.web.person import changes, form_of, person_of, shown, texts, where
from flashmail.web.policy import BEARER, allow

router = APIRouter()

#: How often, as the page says it.
OFTEN = {
    "": "No",
    Frequency.INSTANT.value: "At once",
    Frequency.DAILY.value: "Daily digest",
    Frequency.WEEKLY.value: "Weekly digest",
    Frequency.URGENT.value: "Urgent only",
}

BRIEFS_SHOWN = 30

ERASED = (
    "Nothing is kept of you but a keyed hash of your address, so that no import brings"
    " you back."
)


@router.get("/p/{token}", **allow(BEARER))
def preferences(token: str, session: Reading, tokens: OurTokens, now: Now) -> Response:
    """Show what a reader follows and could follow, and when it may come."""
    person = _person(session, tokens, token)
    return _preferences(session, token, person, now)


@router.post("/p/{token}", **allow(BEARER))
async def save_preferences(
    token: str, request: Request, session: Writing, tokens: OurTokens, now: Now
) -> Response:
    """Keep what a reader changed; what was not on the page stays as it is."""
    # Read before the first query: who sends slowly must not hold the database.
    fields = texts(await form_of(request))
    person = _person(session, tokens, token)
    assert person.id is not None
    names = [*wishes(session, person), *(c.field for c in choices(session, person.id))]
    asked = changes(fields, names)
    place = where(request, WORDING, "preference page")
    try:
        with session.begin_nested():
            choose(session, person.id, asked, where=place, now=now)
    except WrongInput as problem:
        session.refresh(person)
        return _preferences(
            session, token, person, now, wrong=str(problem), asked=asked
        )
    return _preferences(session, token, person, now, saved=True)


@router.get("/p/{token}/briefs", **allow(BEARER))
def recent(token: str, session: Reading, tokens: OurTokens) -> Response:
    """Show which of the latest briefs came, how, and why the others did not."""
    person = _person(session, tokens, token)
    told = latest_briefs(session, person, limit=BRIEFS_SHOWN)
    return page("recent", token=token, told=told, **shown(person))


@router.post("/p/{token}/data", **allow(BEARER))
def my_data(token: str, session: Reading, tokens: OurTokens) -> Response:
    """Hand out everything that is kept of a reader."""
    person = _person(session, tokens, token)
    return Response(
        as_text(takeout(session, person)),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="my-data.json"'},
    )


@router.get("/p/{token}/address", **allow(BEARER))
def ask_for_address(token: str, session: Reading, tokens: OurTokens) -> Response:
    """Ask for the new address."""
    person = _person(session, tokens, token)
    return page("move", token=token, asked=False, wrong="", **shown(person))


@router.post("/p/{token}/address", **allow(BEARER))
async def change_address(
    token: str, request: Request, session: Writing, tokens: OurTokens, now: Now
) -> Response:
    """Write to the new address; nothing changes before it has confirmed."""
    fields = texts(await form_of(request))
    person = _person(session, tokens, token)
    place = where(request, WORDING, "preference page")
    try:
        address = parse_address(fields.get("address", "").strip())
    except BadAddress as problem:
        wrong = str(problem)
        return page("move", 422, token=token, asked=False, wrong=wrong, **shown(person))
    ask_to_move(session, person, address, where=place, now=now)
    return page("move", token=token, asked=True, wrong="", **shown(person))


@router.get("/p/{token}/erase", **allow(BEARER))
def ask_to_erase(token: str, session: Reading, tokens: OurTokens) -> Response:
    """Say what erasing means."""
    person = _person(session, tokens, token)
    return page("erase", token=token, sure=False, **shown(person))


@router.post("/p/{token}/erase", **allow(BEARER))
async def erase_me(
    token: str, request: Request, session: Writing, tokens: OurTokens, now: Now
) -> Response:
    """Erase a reader who has said so twice."""
    fields = texts(await form_of(request))
    person = _person(session, tokens, token)
    if fields.get("really") != "yes":
        return page("erase", token=token, sure=True, **shown(person))
    erase(session, person, now=now)
    return page("told", what="You are erased", why=ERASED)


def _person(session: Session, tokens: OurTokens, token: str) -> Subscriber:
    return person_of(session, tokens.read(Purpose.LEAVE, token)[1])


def _preferences(
    session: Session,
    token: str,
    person: Subscriber,
    now: datetime,
    *,
    saved: bool = False,
    wrong: str = "",
    asked: dict[str, str] | None = None,
) -> Response:
    values: dict[str, Any] = {
        "saved": saved,
        "wrong": wrong,
        "often": OFTEN,
        "choices": choices(session, person.id),
        "was": wishes(session, person),
        "asked": asked or {},
        "zones": zones(),
        "today": now.date().isoformat(),
    }
    return page(
        "preferences", 422 if wrong else 200, token=token, **values, **shown(person)
    )
