"""A campaign: the page from which it is sent, watched and stopped."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import sqlalchemy
from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlalchemy import Select, func
from sqlmodel import Session, col, select

from flashmail.campaigns import briefs, lifecycle
from flashmail.campaigns.lifecycle import approval_is_old
from flashmail.delivery.intervention import retry
from flashmail.delivery.starting import count_late_joiners as approval_joined_later
from flashmail.delivery.starting import include_late_joiners as approval_include
from flashmail.model import (
    Campaign,
    CampaignStatus,
    DeliveryState,
    DryRun,
    Priority,
    Role,
    Staff,
)
from flashmail.reports.progress import live
from flashmail.reports.undelivered import retryable
from flashmail.review import approval
from flashmail.review.correction import amendments
from flashmail.review.dry_run import latest
from flashmail.review.preparation import changed_since
from flashmail.staff import permissions
from flashmail.transactional.queue import tests_of
from flashmail.web.dependencies import CurrentUser, Me, Reading, User, Writing
from flashmail.web.lists import ListPage, SortOrder, SortOrders, listed
from flashmail.web.page import done, page, part
from flashmail.web.policy import allow

router = APIRouter()

#: What is typed to let perhaps a second copy go out.
AGAIN = "again"


@router.get("/campaigns/{campaign_id}", **allow(Role.VIEWER))
def campaign(campaign_id: int, session: Reading, user: User) -> Response:
    """Show where a campaign stands, and what can be done about it."""
    shown = _live(session, campaign_id, user)
    return page("campaign", **shown, **_besides(session, shown["campaign"]))


@router.get("/campaigns/{campaign_id}/live", **allow(Role.VIEWER))
def campaign_live(campaign_id: int, session: Reading, user: User) -> Response:
    """Return the part of the page that changes while it is looked at."""
    return part("campaign-live", **_live(session, campaign_id, user))


@router.post("/campaigns/{campaign_id}/take-back", **allow(Role.EDITOR))
def revoke_approval(campaign_id: int, session: Writing, user: User) -> Response:
    """Undo: nothing went out yet, and nothing will before it is approved again."""
    lifecycle.revoke_approval(session, campaign_id, by=user.name, now=user.now)
    return done(_path(campaign_id), "Taken back. Nobody got anything.")


@router.post("/campaigns/{campaign_id}/pause", **allow(Role.EDITOR))
def pause(campaign_id: int, session: Writing, user: User) -> Response:
    """Stop after the batches in hand."""
    lifecycle.pause(
        session, campaign_id, by=user.name, now=user.now, note=f"halted by {user.name}"
    )
    return done(_path(campaign_id), "Halted. What is on its way right now arrives.")


@router.post("/campaigns/{campaign_id}/resume", **allow(Role.EDITOR))
def resume(campaign_id: int, session: Writing, user: User) -> Response:
    """Go on where it stopped."""
    lifecycle.resume(session, campaign_id, by=user.name, now=user.now)
    return done(_path(campaign_id), "It goes on.")


@router.post("/campaigns/{campaign_id}/cancel", **allow(Role.EDITOR))
def cancel(campaign_id: int, session: Writing, user: User) -> Response:
    """Send nothing more, for good."""
    lifecycle.cancel(session, campaign_id, by=user.name, now=user.now)
    return done(_path(campaign_id), "Cancelled for good.")


@router.post("/campaigns/{campaign_id}/retry", **allow(Role.EDITOR))
def try_again(campaign_id: int, session: Writing, user: User) -> Response:
    """Try again what failed, but not because of the address."""
    count = retry(session, campaign_id, unknown=False, by=user.name, now=user.now)
    return done(_path(campaign_id), f"{count:,} are tried again.")


@router.post("/campaigns/{campaign_id}/retry-unknown", **allow(Role.EDITOR))
def try_unknown(
    campaign_id: int,
    session: Writing,
    user: User,
    word: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Send again what may have arrived, when somebody says so in a word."""
    if word.strip().lower() != AGAIN:
        text = f"Nothing was sent. Type “{AGAIN}” to let a second copy go out."
        return done(_path(campaign_id), text)
    count = retry(session, campaign_id, unknown=True, by=user.name, now=user.now)
    return done(_path(campaign_id), f"{count:,} are sent again.")


@router.post("/campaigns/{campaign_id}/include", **allow(Role.EDITOR))
def include(campaign_id: int, session: Writing, user: User) -> Response:
    """Send it to late joiners as well."""
    more = approval_joined_later(session, campaign_id)
    permissions.require_capacity(session, user.staff, more, now=user.now)
    count = approval_include(session, campaign_id, by=user.name, now=user.now)
    return done(_path(campaign_id), f"{count:,} more get it.")


def _path(campaign_id: int) -> str:
    return f"/campaigns/{campaign_id}"


def _live(session: Session, campaign_id: int, user: CurrentUser) -> dict[str, Any]:
    """Return what the part of the page shows that is asked for again and again."""
    found = lifecycle.get_campaign(session, campaign_id)
    numbers = live(session, found, now=user.now)
    return {
        "campaign": found,
        "live": numbers,
        "now": user.now,
        **_further(session, campaign_id, numbers.states),
        "amendments": amendments(session, campaign_id),
        "newer": changed_since(session, found),
        "may_send": permissions.may_send(user.staff, permissions.topics_of(found)),
        "again": AGAIN,
        "old": approval_is_old(found, now=user.now),
    }


def _besides(session: Session, found: Campaign) -> dict[str, Any]:
    assert found.id is not None
    return {
        "urgent": found.priority == Priority.URGENT,
        "dry_run": _dry_run(session, found),
        "alone": approval.of(session, found.id),
        "tests": tests_of(session, found.id),
        "embargo": briefs.embargo_of(session, found),
    }


def _further(
    session: Session, campaign_id: int, states: dict[DeliveryState, int]
) -> dict[str, int]:
    """Count what can be sent still; nothing is looked for where there is none."""
    skipped, failed = states[DeliveryState.SKIPPED], states[DeliveryState.FAILED]
    joined = approval_joined_later(session, campaign_id) if skipped else 0
    again = retryable(session, campaign_id) if failed else 0
    return {"joined": joined, "retryable": again}


def _dry_run(session: Session, found: Campaign) -> DryRun | None:
    if found.dry_run_id is not None:
        return session.get(DryRun, found.dry_run_id)
    return latest(session, found.id or 0)


#: Stands for the moment of what has none yet: after all others.
SOME_DAY = datetime(9000, 1, 1, tzinfo=UTC)

ID = col(Campaign.id)

ORDERS = SortOrders(
    {
        "number": SortOrder(ID, ID),
        "title": SortOrder(func.lower(col(Campaign.subject)), ID),
        "status": SortOrder(col(Campaign.status), ID),
        "when": SortOrder(func.coalesce(col(Campaign.send_at), SOME_DAY), ID),
        "recipients": SortOrder(col(Campaign.recipient_count), ID),
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
    Campaign.recipient_count,
    Campaign.amendment_kind,
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
    session: Session, statement: Select[Any], order: SortOrder, cursor: str
) -> ListPage[Any]:
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
    session: Session, me: Staff | None, q: str, status: str, order: SortOrder
) -> Select[Any]:
    statement: Select[Any] = sqlalchemy.select(ID, order.column.label("key"))
    if q:
        subject = col(Campaign.subject)
        statement = statement.where(subject.icontains(q, autoescape=True))
    if status in set(CampaignStatus):
        statement = statement.where(col(Campaign.status) == status)
    theirs = permissions.visible_campaigns(session, me)
    if theirs is not None:
        statement = statement.where(ID.in_(theirs))
    return statement
