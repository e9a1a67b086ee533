"""A campaign beside the latest ones before it: is this one unusual?"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from flashmail.model import Campaign, CampaignStatus
from flashmail.reports.kept import SUMMARY, figures
from flashmail.settings import Tracking

#: So many campaigns are looked back upon.
LOOKED_BACK = 20


@dataclass(frozen=True)
class Measure:
    """A share of people in this campaign, and the median of the campaigns before.

    None where there was nobody to count, or no campaign before.
    """

    name: str
    this: float | None
    usual: float | None


def comparison(
    session: Session, campaign: Campaign, *, now: datetime, tracking: Tracking
) -> tuple[int, list[Measure]]:
    """Return how many campaigns were compared with, and each measure."""
    before = select(Campaign).where(
        col(Campaign.id) < campaign.id,
        col(Campaign.status) == CampaignStatus.SENT,
        col(Campaign.frequency) == campaign.frequency,
        col(Campaign.addressed) > 0,
    )
    latest = session.exec(before.order_by(col(Campaign.id).desc()).limit(LOOKED_BACK))
    past = [
        figures(session, each, SUMMARY, now=now, tracking=tracking).values
        for each in latest
    ]
    return len(past), measures(
        figures(session, campaign, SUMMARY, now=now, tracking=tracking).values, past
    )


def measures(this: dict[str, Any], past: Sequence[dict[str, Any]]) -> list[Measure]:
    """Compare figures with those of earlier campaigns, share by share."""
    mine = shares(this)
    others = [shares(each) for each in past]
    return [
        Measure(name, share, _median([each[name] for each in others]))
        for name, share in mine.items()
    ]


def shares(summary: dict[str, Any]) -> dict[str, float | None]:
    """Return which part of the people each figure is, by its name."""
    states, accepted = summary["states"], summary["accepted"]
    opened, clicked = summary["readers"]["opened"], summary["readers"]["clicked"]
    return {
        "accepted": _share(accepted, summary["addressed"]),
        "bounced": _share(states["bounced"], summary["addressed"]),
        "failed": _share(states["failed"], summary["addressed"]),
        "opened by people, at most": _share(opened["most"], summary["watched"]),
        "clicked by people, at most": _share(clicked["most"], summary["watched"]),
        "unsubscribed": _share(summary["unsubscribed"], accepted),
        "complained": _share(summary["complained"], accepted),
    }


def _share(n: int, of: int) -> float | None:
    return n / of if of else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return statistics.median(known) if known else None
