"""Leaving: everything or some topics, by a button or by a mail program's one click.

It works for years, and while the database is away.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from flashmail.audience.selection import followed
from flashmail.audience.topics import topic_ids
from flashmail.database import reading
from flashmail.links import Purpose
from flashmail.model import (
    Campaign,
    Subscriber,
    Subscription,
    Topic,
    UnsubscribeFeedback,
)
from flashmail.tracking.unsubscribe import Spool
from flashmail.web.dependencies import Now, OurTokens, Writing
from flashmail.web.page import page
from flashmail.web.policy import BEARER, allow
from flashmail.web.public.personal_data import form_of, shown

router = APIRouter()

#: The field by which our own form differs from a mail program's one click.
OUR_FORM = "confirm"

#: Why people leave, as they can say it with one press.
REASONS = {
    "too-many": "Too many mails",
    "topics": "Not the topics I am interested in",
    "elsewhere": "I read the briefs elsewhere",
    "never": "I did not ask for them",
    "other": "Something else",
}


def _spool(request: Request) -> Spool:
    spool: Spool = request.app.state.spool
    return spool


TheSpool = Annotated[Spool, Depends(_spool)]


@router.get("/u/{token}", **allow(BEARER))
def ask_to_leave(token: str, request: Request, tokens: OurTokens) -> Response:
    """Show the page with the button. Only pressing it changes anything."""
    campaign_id, subscriber_id = tokens.read(Purpose.LEAVE, token)
    known: dict[str, Any] = {"address": "", "left": False, "topics": []}
    try:
        with reading(request.app.state.engine) as session:
            person = session.get(Subscriber, subscriber_id)
            if person is None:
                return page("left", token=token, reasons=None, topics=[])
            known = shown(person) | {"topics": _topics(session, campaign_id, person)}
    except SQLAlchemyError:
        # A reader that leaves need not know that our database is away.
        pass
    return page("leave", token=token, **known)


@router.post("/u/{token}", **allow(BEARER))
async def leave(
    token: str, request: Request, tokens: OurTokens, spool: TheSpool, now: Now
) -> Response:
    """Unsubscribe: by the button, or by RFC 8058's one click, which gets no page."""
    form = await form_of(request)
    ours = OUR_FORM in form
    chosen = form.getlist("topic") if ours else []
    topics = tuple(int(each) for each in chosen if str(each).isdecimal())
    await run_in_threadpool(spool.leave, token, topics=topics, now=now)
    if not ours:
        return Response()
    reasons = None if topics else REASONS
    return page("left", token=token, reasons=reasons, topics=topics)


@router.post("/u/{token}/reason", **allow(BEARER))
def say_why(
    token: str,
    session: Writing,
    tokens: OurTokens,
    now: Now,
    reason: Annotated[str, Form(max_length=20)] = "",
    words: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Keep why a subscriber left, but not the subscriber."""
    campaign_id, _ = tokens.read(Purpose.LEAVE, token)
    if reason in REASONS:
        day = now.date().isoformat()
        session.add(
            UnsubscribeFeedback(
                campaign_id=campaign_id, reason=reason, comment=words, day=day
            )
        )
    return page("told", what="Thank you", why="You will hear nothing more from us.")


def _topics(session: Session, campaign_id: int, person: Subscriber) -> list[Topic]:
    """Return the topics that brought a campaign to somebody, if there are others."""
    assert person.id is not None
    campaign = session.get(Campaign, campaign_id)
    known = topic_ids(session)
    tags = [each for each in campaign.topics if each in known] if campaign else []
    names = followed(session, [person.id], tags).get(person.id, ())
    follows = select(Subscription).where(Subscription.subscriber_id == person.id)
    if len(session.exec(follows).all()) <= 1:
        return []
    return list(session.exec(select(Topic).where(col(Topic.name).in_(names))))
