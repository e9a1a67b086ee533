"""Suppressions: which addresses get no more mail, and why."""

from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlmodel import Session, col, select

from flashmail.audience import suppression
from flashmail.model import OPTED_OUT, Role, Subscriber, SubscriberStatus, Suppression
from flashmail.subscribers.search import beginning
from flashmail.web.dependencies import Me, Now, Reading, UserName, Writing, may
from flashmail.web.lists import SortOrder, listed
from flashmail.web.page import done, page
from flashmail.web.policy import allow

router = APIRouter(prefix="/suppressions")

BY_ADDRESS = SortOrder(col(Suppression.key), col(Suppression.key))

Field = Annotated[str, Form(max_length=1000)]


@router.get("", **allow(Role.VIEWER))
def suppressions(
    session: Reading, me: Me, q: str = "", reason: str = "", cursor: str = ""
) -> Response:
    """List suppressed addresses, a page at a time."""
    wanted = select(Suppression).where(*_filters(q, reason))
    found = listed(
        session, wanted, BY_ADDRESS, cursor, place=lambda each: (each.key, each.key)
    )
    return page(
        "suppressions",
        found=found,
        people=_people(session, [each.key for each in found.rows]),
        q=q,
        reason=reason,
        reasons=sorted(each.value for each in OPTED_OUT),
        may_edit=may(me, Role.LIST_MANAGER),
        may_lift=may(me, Role.ADMIN),
        theirs=suppression.THEIR_WISH,
    )


@router.post("", **allow(Role.LIST_MANAGER))
def add(
    session: Writing, user_name: UserName, now: Now, address: Field, words: Field
) -> Response:
    """Suppress an address."""
    entry = suppression.suppress_by_hand(session, address, words, by=user_name, now=now)
    undo = f"/suppressions/undo/{entry}"
    return done("/suppressions", f"{address} gets no more mail.", undo=undo)


@router.post("/undo/{entry}", **allow(Role.LIST_MANAGER))
def undo(entry: int, session: Writing, user_name: UserName, now: Now) -> Response:
    """Take back a suppression that was made here."""
    address = suppression.undo(session, entry, by=user_name, now=now)
    return done("/suppressions", f"{address} stands as before.")


@router.post("/lift", **allow(Role.LIST_MANAGER))
def lift(
    session: Writing,
    me: Me,
    user_name: UserName,
    now: Now,
    address: Field,
    words: Field,
) -> Response:
    """Let an address get mail again."""
    admin = may(me, Role.ADMIN)
    suppression.lift(session, address, words, admin=admin, by=user_name, now=now)
    return done("/suppressions", f"{address} may get mail again.")


def _filters(q: str, reason: str) -> list[Any]:
    found: list[Any] = []
    if start := q.strip().lower():
        found += beginning(col(Suppression.key), start)
    if reason in OPTED_OUT:
        found.append(col(Suppression.reason) == SubscriberStatus(reason))
    return found


def _people(session: Session, keys: list[str]) -> dict[str, int]:
    """Return which of these addresses are subscribers, with their numbers."""
    rows = session.exec(
        select(Subscriber.key, col(Subscriber.id)).where(col(Subscriber.key).in_(keys))
    )
    return {key: number for key, number in rows if number is not None}
