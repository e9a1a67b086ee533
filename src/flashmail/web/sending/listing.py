"""The list of campaigns: found by subject and status, sorted by any column."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy
from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import Select, func
from sqlmodel import Session, col, select

from flashmail.model import Campaign, CampaignStatus, Role, Staff
from flashmail.staff import reach
from flashmail.web.dependencies import Me, Reading
from flashmail.web.lists import Listed, Order, Orders, listed
from flashmail.web.page import page
from flashmail.web.policy import allow

router = APIRouter()

#: Stands for the moment of what has none yet: after all others.
SOME_DAY = datetime(9000, 1, 1, tzinfo=UTC)

ID = col(Campaign.id)
ORDERS = Orders(
    {
        "number": Order(ID, ID),
        "title": Order(func.lower(col(Campaign.subject)), ID),
        "status": Order(col(Campaign.status), ID),
        "when": Order(func.coalesce(col(Campaign.send_at), SOME_DAY), ID),
        "recipients": Order(col(Campaign.addressed), ID),
    },
    usual="-number",
)

#: What the list shows of a campaign; its mail is long and not among it.
SHOWN = (
    Campaign.id,
    Campaign.subject,
    Campaign.status,
    Campaign.priority,
    Campaign.topics,
    Campaign.send_at,
    Campaign.addressed,
    Campaign.amends,
)


@router.get("/campaigns", **allow(Role.VIEWER))
def campaign_list(
    session: Reading,
    me: Me,
    q: str = "",
    status: str = "",
    sort: str = "",
    cursor: str = "",
) -> Response:
    """List the campaigns, the latest first, by subject and by where they stand."""
    way, order = ORDERS.chosen(sort)
    found = _found(session, _filtered(session, me, q, status, order), order, cursor)
    return page(
        "campaigns",
        found=found,
        q=q,
        standing=status,
        sort=way,
        statuses=list(CampaignStatus),
    )


def _found(
    session: Session, statement: Select[Any], order: Order, cursor: str
) -> Listed[Any]:
    """Return a page of campaigns.

    An index has all that they are found and sorted by; only of those on the page are
    the rows read, which have their mails in them.
    """
    found = listed(session, statement, order, cursor, place=lambda r: (r.key, r.id))
    numbers = [each.id for each in found.rows]
    rows: Select[Any] = select(*SHOWN)  # type: ignore[call-overload]
    shown = {each.id: each for each in session.execute(rows.where(ID.in_(numbers)))}
    return replace(found, rows=[shown[each] for each in numbers])


def _filtered(
    session: Session, me: Staff | None, q: str, status: str, order: Order
) -> Select[Any]:
    statement: Select[Any] = sqlalchemy.select(ID, order.column.label("key"))
    if q:
        subject = col(Campaign.subject)
        statement = statement.where(subject.icontains(q, autoescape=True))
    if status in set(CampaignStatus):
        statement = statement.where(col(Campaign.status) == status)
    theirs = reach.campaigns(session, me)
    if theirs is not None:
        statement = statement.where(ID.in_(theirs))
    return statement
