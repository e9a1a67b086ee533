"""The second person: who may approve a campaign, and what it takes to do it alone."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from flashmail.errors import FlashmailError, WrongInput
from flashmail.model import BriefRevision, Campaign, Role, Staff
from flashmail.staff import rights

#: Fewer characters are no reason.
SHORTEST_REASON = 15


class NotYours(FlashmailError):
    """This is not for you to do."""


@dataclass(frozen=True)
class Permission:
    """Who approves; `alone_because` is why no second person was waited for."""

    who: str
    alone_because: str = ""


def require_rights(staff: Staff | None, campaign: Campaign) -> None:
    """Refuse who may not send what this campaign is about."""
    topics = rights.topics_of(campaign)
    if not rights.may_send(staff, topics):
        about = ", ".join(sorted(topics)) or "readers of every topic"
        raise NotYours(f"to send to {about} is not for you; ask an admin or its editor")


def permission(
    session: Session, staff: Staff | None, campaign: Campaign, *, who: str, reason: str
) -> Permission:
    """Return the permission to approve a campaign, or say why there is none.

    With a `reason` somebody may who is not the second person: everybody is told.
    """
    require_rights(staff, campaign)
    if staff is None or may_approve(session, staff, campaign):
        return Permission(who)
    if not reason.strip():
        raise NotYours(
            "you made or wrote this: another person approves it, or you say why it"
            " cannot wait"
        )
    if len(reason.strip()) < SHORTEST_REASON:
        raise WrongInput("say in a sentence why it cannot wait for a second person")
    return Permission(who, reason.strip())


def may_approve(session: Session, staff: Staff, campaign: Campaign) -> bool:
    """Return whether somebody is the second person, or there is nobody else."""
    wrote = _writer(session, campaign)
    able = approvers(session, campaign)
    return rights.is_second(staff, made=campaign.created_by, wrote=wrote, able=able)


def approvers(session: Session, campaign: Campaign) -> list[Staff]:
    """Return everybody who may send what this campaign is about."""
    topics = rights.topics_of(campaign)
    return [
        each for each in session.exec(select(Staff)) if rights.may_send(each, topics)
    ]


def editors(session: Session) -> list[str]:
    """Return the keys of all who may approve campaigns of whatever kind."""
    able = select(Staff).where(col(Staff.active)).order_by(col(Staff.key))
    return [each.key for each in session.exec(able) if each.role.covers(Role.EDITOR)]


def _writer(session: Session, campaign: Campaign) -> str:
    key = (campaign.draft_id, campaign.draft_revision)
    revision = session.get(BriefRevision, key) if campaign.draft_id else None
    return revision.who if revision else ""
