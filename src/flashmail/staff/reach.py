"""Reach: which drafts and campaigns somebody limited to topics opens, and keeps."""

from collections.abc import Iterable

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from flashmail.model import BriefDraft, Campaign, Staff
from flashmail.staff import rights
from flashmail.staff.second import NotYours


def within(
    session: Session, staff: Staff | None, drafts: SelectOfScalar[BriefDraft]
) -> SelectOfScalar[BriefDraft]:
    """Return a query for those drafts that somebody may open."""
    if staff is None or not rights.is_limited(staff):
        return drafts
    rows = select(BriefDraft.id, BriefDraft.topics, BriefDraft.created_by)
    theirs = [
        number
        for number, topics, made in session.exec(rows)
        if rights.may_open(staff, topics, made=made)
    ]
    return drafts.where(col(BriefDraft.id).in_(theirs))


def campaigns(session: Session, staff: Staff | None) -> list[int] | None:
    """Return the campaigns that somebody may see; None for all of them."""
    if staff is None or not rights.is_limited(staff):
        return None
    rows = session.exec(select(Campaign.id, Campaign.audience, Campaign.topics))
    return [
        number
        for number, audience, topics in rows
        if number and rights.may_see(staff, rights.reaching(audience, topics))
    ]


def opens(staff: Staff | None, draft: BriefDraft) -> bool:
    return rights.may_open(staff, draft.topics, made=draft.created_by)


def require(staff: Staff | None, draft: BriefDraft) -> None:
    """Refuse a draft that somebody may not open."""
    if not opens(staff, draft):
        raise NotYours("this brief is not for you; ask an admin or its editor")


def require_kept(staff: Staff | None, draft: BriefDraft, topics: Iterable[str]) -> None:
    """Refuse topics by which a draft would be out of the reach of who gives them."""
    named = list(topics)
    if not rights.may_open(staff, named, made=draft.created_by):
        raise NotYours(
            f"a brief about {' and '.join(named)} is not for you, and you could not"
            " open it again; leave one of your topics in it, or ask an admin"
        )
