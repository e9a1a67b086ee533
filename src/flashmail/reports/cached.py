"""A campaign's figures, counted before somebody asks: counting a million takes a while.

They are counted again while somebody serves the pages, the less often the older they
are. Where nobody does, a page that asks for them counts them itself.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from flashmail.database import reading, transaction
from flashmail.model import Campaign, CampaignFigures, CampaignStatus, EngagementTotal
from flashmail.reports.breakdown import by_domain, by_topic, timeline
from flashmail.reports.campaign import report
from flashmail.reports.undelivered import failures, retryable
from flashmail.settings import Tracking

SUMMARY, DETAILS = "summary", "details"

#: What was counted is good for so long at least,
SHORTEST = timedelta(seconds=10)

#: for so many times as long as counting it takes, as others need the processor, too,
TIMES_ITS_COST = {SUMMARY: 20, DETAILS: 50}

#: and for this part of a campaign's age, as little happens to an old one.
PART_OF_AGE = 100

#: A page counts itself what is older than so many times that.
TIMES_TOO_OLD = 3

#: Campaigns that are counted again by themselves, and seconds spent on it at a time.
CAMPAIGNS, SPENT = 200, 2.0

_ENDED = frozenset({CampaignStatus.SENT, CampaignStatus.CANCELLED})


@dataclass(frozen=True)
class CachedFigures:
    """A part of a campaign's figures as plain values, and when they were counted."""

    values: dict[str, Any]
    counted_at: datetime


def figures(
    session: Session,
    campaign: Campaign,
    part: str,
    *,
    now: datetime,
    tracking: Tracking,
) -> CachedFigures:
    """Return a part of a campaign's figures: those that were kept, if not too old."""
    kept = session.get(CampaignFigures, (campaign.id, part))
    if kept is not None:
        if _is_final(session, campaign.id, part):
            return CachedFigures(kept.figures, kept.counted_at)
        limit = patience(campaign, kept, now=now) * TIMES_TOO_OLD
        if now - kept.counted_at <= limit:
            return CachedFigures(kept.figures, kept.counted_at)
    return CachedFigures(PARTS[part](session, campaign, tracking), now)


def patience(campaign: Campaign, kept: CampaignFigures, *, now: datetime) -> timedelta:
    """Return for how long figures are good after they were counted."""
    cost = timedelta(seconds=TIMES_ITS_COST[kept.part] * kept.seconds)
    least = max(SHORTEST, cost)
    if campaign.status not in _ENDED:
        return least
    ended = campaign.finished_at or campaign.started_at or campaign.created_at
    return max(least, (now - ended) / PART_OF_AGE)


def count_again(engine: Engine, *, now: datetime, tracking: Tracking) -> int:
    """Count what is due of the latest campaigns, and keep it; return how much it was.

    What is left when the time is up has its turn the next time.
    """
    begun, count = time.monotonic(), 0
    with reading(engine) as session:
        due = list(_due(session, now))
    for campaign_id, part in due:
        _keep(engine, campaign_id, part, tracking, now)
        count += 1
        if time.monotonic() - begun > SPENT:
            break
    return count


def _due(session: Session, now: datetime) -> Iterator[tuple[int, str]]:
    latest = (
        select(Campaign)
        .where(col(Campaign.started_at).is_not(None))
        .order_by(col(Campaign.id).desc())
        .limit(CAMPAIGNS)
    )
    campaigns = {each.id: each for each in session.exec(latest) if each.id is not None}
    rows = select(CampaignFigures).where(
        col(CampaignFigures.campaign_id).in_(list(campaigns))
    )
    kept = {(each.campaign_id, each.part): each for each in session.exec(rows)}
    for part in PARTS:
        for campaign_id, campaign in campaigns.items():
            known = kept.get((campaign_id, part))
            if known is None or (
                _are_old(campaign, known, now)
                and not _is_final(session, campaign_id, part)
            ):
                yield campaign_id, part


def _is_final(session: Session, campaign_id: int | None, part: str) -> bool:
    """Whether figures cannot be counted again, as what people did has been erased."""
    erased = (
        select(EngagementTotal.people)
        .where(EngagementTotal.campaign_id == campaign_id)
        .where(col(EngagementTotal.people) > 0)
        .limit(1)
    )
    return part == DETAILS and session.exec(erased).first() is not None


def _are_old(campaign: Campaign, kept: CampaignFigures, now: datetime) -> bool:
    return now - kept.counted_at >= patience(campaign, kept, now=now)


def _keep(
    engine: Engine, campaign_id: int, part: str, tracking: Tracking, now: datetime
) -> None:
    begun = time.perf_counter()
    with reading(engine) as session:
        campaign = session.get_one(Campaign, campaign_id)
        counted = PARTS[part](session, campaign, tracking)
    seconds = time.perf_counter() - begun
    with transaction(engine) as session:
        session.merge(
            CampaignFigures(
                campaign_id=campaign_id,
                part=part,
                figures=counted,
                counted_at=now,
                seconds=seconds,
            )
        )


def _summary(
    session: Session, campaign: Campaign, tracking: Tracking
) -> dict[str, Any]:
    counted = report(session, campaign, tracking=tracking)
    return {
        **counted.as_json(),
        "accepted": counted.accepted,
        "watched": counted.watched,
        "retryable": retryable(session, counted.campaign_id),
        "readers": {
            deed: {**asdict(each), "most": each.most}
            for deed, each in counted.readers.items()
        },
    }


def _details(
    session: Session, campaign: Campaign, _tracking: Tracking
) -> dict[str, Any]:
    assert campaign.id is not None
    drawn = timeline(session, campaign)
    return {
        "timeline": {
            "minutes": drawn.minutes,
            "times": [each.isoformat() for each in drawn.times],
            "lines": {name: list(line) for name, line in drawn.lines.items()},
        },
        "failures": [
            {**asdict(each), "advice": each.advice}
            for each in failures(session, campaign.id)
        ],
        "domains": [asdict(each) for each in by_domain(session, campaign.id)],
        "topics": [asdict(each) for each in by_topic(session, campaign)],
    }


PARTS: dict[str, Callable[[Session, Campaign, Tracking], dict[str, Any]]] = {
    SUMMARY: _summary,
    DETAILS: _details,
}

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
        col(Campaign.recipient_count) > 0,
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
