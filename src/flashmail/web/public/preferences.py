"""The preference page, reached by a signed link: no account, no password."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session

from flashmail.audience.timing import zones
from flashmail.errors import WrongInput
from flashmail.links import Purpose
from flashmail.model import Frequency, Subscriber
from flashmail.reports.subscriber import latest_briefs
from flashmail.subscribers.preferences import WORDING, choices, choose, wishes
from flashmail.transactional.mails import request_data_link
from flashmail.web.dependencies import Now, OurTokens, Reading, TheMailKit, Writing
from flashmail.web.page import page
from flashmail.web.policy import BEARER, allow
from flashmail.web.public.personal_data import (
    changes,
    form_of,
    person_of,
    shown,
    texts,
    where,
)

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
    # Read before the first query: a slow client must not hold the database.
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


@router.post("/p/{token}/own", **allow(BEARER))
def ask_for_own(
    token: str, session: Writing, tokens: OurTokens, kit: TheMailKit, now: Now
) -> Response:
    """Write to the reader's own mailbox: this link may be in somebody else's hands."""
    person = _person(session, tokens, token)
    request_data_link(session, person, tokens, kit.links, now=now)
    return page("own-asked", token=token, **shown(person))


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
