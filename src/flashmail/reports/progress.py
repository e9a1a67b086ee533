"""A campaign while it goes out: how fast, how far, how long it will take still."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from flashmail.model import (
    UNFINISHED,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
)
from flashmail.reports.campaign import states_of

#: Handed over and taken, whatever became of it later.
TAKEN = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.BOUNCED)

#: The rate is that of so long a time.
LATELY = timedelta(seconds=10)

#: With more deliveries than these the page asks less often.
MANY = 100_000

#: Of a large campaign at its end the report tells how long it took.
AT_REST = (CampaignStatus.SENT, CampaignStatus.CANCELLED)

#: A moment, and how many mails were booked at it.
Tally = tuple[datetime, int]


@dataclass(frozen=True)
class SendProgress:
    """Where a campaign stands. Durations are seconds since it was meant to go.

    `missing` are deliveries that the states do not account for: there should be none.
    """

    addressed: int
    states: dict[DeliveryState, int]
    first: float | None = None
    half: float | None = None
    most: float | None = None
    rate: float = 0
    seconds_left: float | None = None

    @property
    def missing(self) -> int:
        return self.addressed - sum(self.states.values())

    @property
    def waiting(self) -> int:
        return sum(self.states[state] for state in UNFINISHED)

    @property
    def done(self) -> int:
        return self.addressed - self.waiting

    @property
    def every(self) -> int:
        """How many seconds the page waits before it asks again."""
        return 1 if self.addressed <= MANY else 5


def live(session: Session, campaign: Campaign, *, now: datetime) -> SendProgress:
    """Count a campaign's deliveries, and how long they took."""
    assert campaign.id is not None
    states = states_of(session, campaign.id)
    begin = campaign.send_at or campaign.started_at
    if begin is None or not campaign.recipient_count:
        return SendProgress(campaign.recipient_count, states)
    over = campaign.status in AT_REST and campaign.recipient_count > MANY
    tallies = [] if over else _tallies(session, campaign.id)
    waiting = sum(states[state] for state in UNFINISHED)
    rate = rate_of(tallies, now=now)
    return SendProgress(
        campaign.recipient_count,
        states,
        first=_since(begin, tallies[0][0]) if tallies else None,
        half=_since(begin, share_done(tallies, 0.5)),
        most=_since(begin, share_done(tallies, 0.95)),
        rate=rate,
        seconds_left=waiting / rate if rate and waiting else None,
    )


def share_done(tallies: Sequence[Tally], share: float) -> datetime | None:
    """Return when this share of what was taken so far had been."""
    wanted = share * sum(n for _, n in tallies)
    for at, n in tallies:
        wanted -= n
        if wanted <= 0:
            return at
    return None


def rate_of(tallies: Sequence[Tally], *, now: datetime) -> float:
    """Return how many mails a second were taken lately."""
    if not tallies:
        return 0
    begin = max(now - LATELY, tallies[0][0])
    seconds = max((now - begin).total_seconds(), 1)
    return sum(n for at, n in tallies if at >= begin) / seconds


def _tallies(session: Session, campaign_id: int) -> list[Tally]:
    rows = session.execute(
        select(col(Delivery.state_since), func.count())
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state).in_(TAKEN))
        .group_by(col(Delivery.state_since))
        .order_by(col(Delivery.state_since))
    )
    return [(at, n) for at, n in rows]


def _since(begin: datetime, at: datetime | None) -> float | None:
    return max((at - begin).total_seconds(), 0) if at else None
