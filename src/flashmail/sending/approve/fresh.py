"""How long a rehearsal, or an approval that went nowhere, holds. Pure."""

from datetime import datetime, timedelta

from flashmail.errors import WrongInput
from flashmail.model import Campaign, Rehearsal

#: After that the world is another one: readers joined, and so did news.
HOLDS = timedelta(hours=24)


class TooOld(WrongInput):
    """It was looked at too long ago: somebody has to look again."""


def rehearsal_is_old(rehearsal: Rehearsal, *, now: datetime) -> bool:
    return now - rehearsal.at > HOLDS


def approval_is_old(campaign: Campaign, *, now: datetime) -> bool:
    """Return whether an approval ran out: a day after it, or after its moment."""
    moments = [at for at in (campaign.approved_at, campaign.send_at) if at]
    return bool(moments) and now - max(moments) > HOLDS


def require_fresh_rehearsal(rehearsal: Rehearsal, *, now: datetime) -> None:
    if rehearsal_is_old(rehearsal, now=now):
        raise TooOld("this was rehearsed more than a day ago: rehearse it again")


def require_fresh_approval(campaign: Campaign, *, now: datetime) -> None:
    if approval_is_old(campaign, now=now):
        raise TooOld(
            f"the approval of campaign {campaign.id} ran out, a day after its time:"
            " make a draft of it again, rehearse it, and have it approved"
        )
