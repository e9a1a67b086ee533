"""A story: a brief in all the forms in which it went out, the first to the last."""

from collections.abc import Iterable

from sqlmodel import Session, col, or_, select

from flashmail.model import Amends, Campaign, CampaignStatus

#: A campaign in one of these has told its readers what its brief says.
TOLD = (CampaignStatus.SENDING, CampaignStatus.PAUSED, CampaignStatus.SENT)


def story(session: Session, campaign: Campaign) -> list[int]:
    """Return the numbers of all campaigns that told a form of the same brief.

    They are those that correct each other, and those with the very same text.
    """
    assert campaign.id is not None
    found, new = {campaign.id}, {campaign.id}
    while new:
        new = _next_to(session, new) - found
        found |= new
    return sorted(found)


def latest(session: Session, campaign: Campaign) -> Campaign | None:
    """Return the campaign with the form that counts now; None if there is none.

    A campaign that was cancelled counts for nothing; a brief that was taken back has no
    form any more.
    """
    told = (
        select(Campaign)
        .where(col(Campaign.id).in_(story(session, campaign)))
        .where(col(Campaign.status).in_(TOLD))
        .order_by(col(Campaign.id).desc())
    )
    last = session.exec(told).first()
    return None if last is None or last.amends is Amends.RETRACTION else last


def _next_to(session: Session, numbers: Iterable[int]) -> set[int]:
    """Return the campaigns that these correct, that correct them, or say the same."""
    some = list(numbers)
    known = session.exec(select(Campaign).where(col(Campaign.id).in_(some))).all()
    above = [each.corrects for each in known if each.corrects is not None]
    texts = [each.brief_id for each in known if each.brief_id is not None]
    beside = (
        select(Campaign.id)
        .where(~col(Campaign.planned))
        .where(
            or_(
                col(Campaign.id).in_(above),
                col(Campaign.corrects).in_(some),
                col(Campaign.brief_id).in_(texts),
            )
        )
    )
    return {each for each in session.exec(beside) if each is not None}
