"""The cap: to how many people somebody may let mail go within a day, unless an admin.

It goes by who approves, as that is what sends. Whoever is over it asks an admin.
"""

from datetime import datetime, timedelta

from sqlalchemy import case
from sqlmodel import Session, col, func, select

from flashmail.model import Campaign, CampaignStatus, Rehearsal, Role, Staff
from flashmail.staff.second import NotYours

#: Counted back from now: at midnight nobody gets a second helping.
DAY = timedelta(hours=24)

#: In one of these it went to nobody, or will not.
NOWHERE = (CampaignStatus.DRAFT, CampaignStatus.CANCELLED)


def is_capped(staff: Staff | None) -> bool:
    """Return whether somebody has a cap; admins have none."""
    return (
        staff is not None
        and staff.daily_cap is not None
        and staff.role is not Role.ADMIN
    )


def used(session: Session, staff: Staff, *, now: datetime) -> int:
    """Return to how many people somebody let mail go within a day.

    Of a campaign that has not begun that is whom it means; one that was cancelled
    counts with those whom it was addressed to.
    """
    meant = case(
        (col(Campaign.status).in_(NOWHERE), col(Campaign.addressed)),
        (col(Campaign.addressed) > 0, col(Campaign.addressed)),
        else_=func.coalesce(Rehearsal.meant, 0),
    )
    theirs = (
        select(func.coalesce(func.sum(meant), 0))
        .select_from(Campaign)
        .outerjoin(Rehearsal, col(Rehearsal.id) == col(Campaign.rehearsal_id))
        .where(col(Campaign.approved_at) > now - DAY)
        .where(col(Campaign.approved_by).endswith(f"<{staff.key}>", autoescape=True))
    )
    return int(session.exec(theirs).one())


def left(session: Session, staff: Staff | None, *, now: datetime) -> int | None:
    """Return to how many people more somebody may let mail go; None without a cap."""
    if staff is None or not is_capped(staff):
        return None
    assert staff.daily_cap is not None
    return max(0, staff.daily_cap - used(session, staff, now=now))


def require_room(
    session: Session, staff: Staff | None, people: int, *, now: datetime
) -> None:
    """Refuse who would let mail go to more people than their cap has room for."""
    if staff is None or not is_capped(staff):
        return
    # Locked: who approves two at once is counted with both.
    session.get(Staff, staff.id, with_for_update=True)
    room = left(session, staff, now=now)
    if room is not None and people > room:
        raise NotYours(
            f"it goes to {people:,} people, and of your {staff.daily_cap:,} a day"
            f" {room:,} are left: ask an admin to approve it"
        )
