"""Rights: what a member of staff may see and send. Pure.

None is the person at the machine while there is no staff yet: they may do all.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from flashmail.audience.segment import Segment
from flashmail.errors import FlashmailError, WrongInput
from flashmail.model import (
    Campaign,
    CampaignStatus,
    Draft,
    DraftVersion,
    DryRun,
    Role,
    Staff,
)

#: The address in "Name <address>", as which people stand in the audit log.
ADDRESS = re.compile(r"<([^<>]*)>$")


def may_send(staff: Staff | None, topics: Iterable[str]) -> bool:
    """Return whether somebody may approve and send what is about these topics."""
    if staff is None:
        return True
    return staff.active and staff.role.covers(Role.EDITOR) and may_see(staff, topics)


def may_see(staff: Staff | None, topics: Iterable[str]) -> bool:
    """Return whether somebody's limit of topics, if there is one, leaves these open.

    Every topic has to lie within it, and there has to be one: what goes to everybody is
    not for an editor that may write to the followers of Iran. Admins have no limit.
    """
    if staff is None or not is_limited(staff):
        return True
    asked = set(topics)
    return bool(asked) and asked <= set(staff.topics)


def may_open(staff: Staff | None, topics: Iterable[str], *, made: str) -> bool:
    """Return whether somebody may read and write a draft that `made` began.

    An editor with limits opens what has one of their topics, or none yet, and their
    own.
    """
    if staff is None or not is_limited(staff):
        return True
    about = set(topics)
    return not about or not about.isdisjoint(staff.topics) or key_of(made) == staff.key


def topics_of(campaign: Campaign) -> frozenset[str]:
    """Return the topics of a campaign and of its audience; perhaps none.

    A segment can bring a brief about one topic to the followers of others. One that
    goes by attributes alone reaches followers of everything: that is no topic.
    """
    return reaching(campaign.audience, campaign.topics)


def reaching(audience: Mapping[str, Any], topics: Iterable[str]) -> frozenset[str]:
    """Return the same of a campaign's `audience` and `topics`."""
    bringing = Segment.from_json(audience).bringing
    return frozenset(bringing) | set(topics) if bringing else frozenset()


def is_limited(staff: Staff) -> bool:
    """Return whether somebody may see and send only what is about some topics."""
    return bool(staff.topics) and staff.role is not Role.ADMIN


def sign(staff: Staff) -> str:
    """Return how a member of staff stands in the audit log, and as an author."""
    return f"{staff.name} <{staff.key}>"


def key_of(signed: str) -> str:
    """Return the address in such a signature; a change of name leaves it as it is."""
    found = ADDRESS.search(signed)
    return found[1] if found else signed


def is_second(staff: Staff, *, made: str, wrote: str, able: Iterable[Staff]) -> bool:
    """Return whether somebody may approve what others made and wrote.

    That is neither the maker of the campaign nor an author of its words, as long as
    anybody else of those `able` is left. Where only its writer is, two people have
    still looked at it. An only member of staff approves alone.
    """
    keys = {each.key for each in able}
    authors: Collection[str] = {key_of(made), key_of(wrote)}
    second = keys - set(authors) or keys - {key_of(made)} or keys
    return staff.key in second


#: Fewer characters are no reason.
SHORTEST_REASON = 15


class PermissionDenied(FlashmailError):
    """This is not for you to do."""


@dataclass(frozen=True)
class Permission:
    """The approver; `alone_because` is why no second person was waited for."""

    by: str
    alone_because: str = ""


def require_rights(staff: Staff | None, campaign: Campaign) -> None:
    """Refuse staff that may not send what this campaign is about."""
    topics = topics_of(campaign)
    if not may_send(staff, topics):
        about = ", ".join(sorted(topics)) or "readers of every topic"
        raise PermissionDenied(
            f"to send to {about} is not for you; ask an admin or its editor"
        )


def permission(
    session: Session, staff: Staff | None, campaign: Campaign, *, by: str, reason: str
) -> Permission:
    """Return the permission to approve a campaign, or say why there is none.

    With a `reason` an approver may that is not the second person: all staff are told.
    """
    require_rights(staff, campaign)
    if staff is None or may_approve(session, staff, campaign):
        return Permission(by)
    if not reason.strip():
        raise PermissionDenied(
            "you made or wrote this: another person approves it, or you say why it"
            " cannot wait"
        )
    if len(reason.strip()) < SHORTEST_REASON:
        raise WrongInput("say in a sentence why it cannot wait for a second person")
    return Permission(by, reason.strip())


def may_approve(session: Session, staff: Staff, campaign: Campaign) -> bool:
    """Return whether somebody is the second person, or there is nobody else."""
    wrote = _writer(session, campaign)
    able = approvers(session, campaign)
    return is_second(staff, made=campaign.created_by, wrote=wrote, able=able)


def approvers(session: Session, campaign: Campaign) -> list[Staff]:
    """Return all staff that may send what this campaign is about."""
    topics = topics_of(campaign)
    return [each for each in session.exec(select(Staff)) if may_send(each, topics)]


def editors(session: Session) -> list[str]:
    """Return the keys of all that may approve campaigns of whatever kind."""
    able = select(Staff).where(col(Staff.active)).order_by(col(Staff.key))
    return [each.key for each in session.exec(able) if each.role.covers(Role.EDITOR)]


def _writer(session: Session, campaign: Campaign) -> str:
    key = (campaign.draft_id, campaign.draft_version)
    version = session.get(DraftVersion, key) if campaign.draft_id else None
    return version.saved_by if version else ""


def visible_drafts(
    session: Session, staff: Staff | None, drafts: SelectOfScalar[Draft]
) -> SelectOfScalar[Draft]:
    """Return a query for those drafts that somebody may open."""
    if staff is None or not is_limited(staff):
        return drafts
    rows = select(Draft.id, Draft.topics, Draft.created_by)
    theirs = [
        number
        for number, topics, made in session.exec(rows)
        if may_open(staff, topics, made=made)
    ]
    return drafts.where(col(Draft.id).in_(theirs))


def visible_campaigns(session: Session, staff: Staff | None) -> list[int] | None:
    """Return the campaigns that somebody may see; None for all of them."""
    if staff is None or not is_limited(staff):
        return None
    rows = session.exec(select(Campaign.id, Campaign.audience, Campaign.topics))
    return [
        number
        for number, audience, topics in rows
        if number and may_see(staff, reaching(audience, topics))
    ]


def can_open(staff: Staff | None, draft: Draft) -> bool:
    return may_open(staff, draft.topics, made=draft.created_by)


def require(staff: Staff | None, draft: Draft) -> None:
    """Refuse a draft that somebody may not open."""
    if not can_open(staff, draft):
        raise PermissionDenied("this brief is not for you; ask an admin or its editor")


def require_kept(staff: Staff | None, draft: Draft, topics: Iterable[str]) -> None:
    """Refuse topics by which a draft would be out of its editor's own reach."""
    named = list(topics)
    if not may_open(staff, named, made=draft.created_by):
        raise PermissionDenied(
            f"a brief about {' and '.join(named)} is not for you, and you could not"
            " open it again; leave one of your topics in it, or ask an admin"
        )


#: Counted back from now: at midnight nobody gets a second helping.
DAY = timedelta(hours=24)

#: In one of these it went to nobody, or will not.
NOWHERE = (CampaignStatus.DRAFT, CampaignStatus.CANCELLED)


def is_capped(staff: Staff | None) -> bool:
    """Return whether somebody has a cap; admins have none."""
    return (
        staff is not None
        and staff.daily_send_limit is not None
        and staff.role is not Role.ADMIN
    )


def used_today(session: Session, staff: Staff, *, now: datetime) -> int:
    """Return to how many people somebody let mail go within a day.

    Of a campaign that has not begun that is its audience; one that was cancelled
    counts with the readers it was addressed to.
    """
    meant = case(
        (col(Campaign.status).in_(NOWHERE), col(Campaign.recipient_count)),
        (col(Campaign.recipient_count) > 0, col(Campaign.recipient_count)),
        else_=func.coalesce(DryRun.audience_size, 0),
    )
    theirs = (
        select(func.coalesce(func.sum(meant), 0))
        .select_from(Campaign)
        .outerjoin(DryRun, col(DryRun.id) == col(Campaign.dry_run_id))
        .where(col(Campaign.approved_at) > now - DAY)
        .where(col(Campaign.approved_by).endswith(f"<{staff.key}>", autoescape=True))
    )
    return int(session.exec(theirs).one())


def remaining_today(
    session: Session, staff: Staff | None, *, now: datetime
) -> int | None:
    """Return to how many people more somebody may let mail go; None without a cap."""
    if staff is None or not is_capped(staff):
        return None
    assert staff.daily_send_limit is not None
    return max(0, staff.daily_send_limit - used_today(session, staff, now=now))


def require_capacity(
    session: Session, staff: Staff | None, people: int, *, now: datetime
) -> None:
    """Refuse to let mail go to more people than the approver's limit has room for."""
    if staff is None or not is_capped(staff):
        return
    # Locked: of two approvals at once, both are counted.
    session.get(Staff, staff.id, with_for_update=True)
    room = remaining_today(session, staff, now=now)
    if room is not None and people > room:
        raise PermissionDenied(
            f"it goes to {people:,} people, and of your"
            f" {staff.daily_send_limit:,} a day {room:,} are left:"
            " ask an admin to approve it"
        )
