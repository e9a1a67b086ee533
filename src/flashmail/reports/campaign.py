"""How a campaign did. People are counted, not what they did."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, case
from sqlalchemy import select as columns
from sqlalchemy import select as select_readers
from sqlmodel import Session, col, distinct, func, select

from flashmail.model import (
    ALL_LINKS,
    Actor,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
    EngagementTotal,
    Event,
    EventKind,
    Link,
    Subscriber,
)
from flashmail.settings import Tracking

#: What mail programs and scanners do on their own as well.
DEEDS = (EventKind.OPENED, EventKind.CLICKED)

#: The provider took the mail, whatever became of it afterwards.
TAKEN = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.BOUNCED)

#: Somebody did it if any of the times was a person's.
_RANK = {Actor.HUMAN: 2, Actor.UNKNOWN: 1, Actor.MACHINE: 0}


@dataclass(frozen=True)
class EngagementCounts:
    """How many addresses an event was seen of, by its actor as far as can be told.

    At least `human` people did it, at most `human` and `unknown` ones together.
    """

    human: int = 0
    unknown: int = 0
    machine: int = 0

    @property
    def total(self) -> int:
        return self.human + self.unknown + self.machine

    @property
    def most(self) -> int:
        return self.human + self.unknown

    def share_of(self, mails: int) -> tuple[float, float] | None:
        """Return the rate as a range, from those that surely did it to those that may
        have.

        `mails` are those that can tell; where there were none, there is no rate.
        """
        if mails <= 0:
            return None
        return round(self.human / mails, 4), round(self.most / mails, 4)


def readers(session: Session, campaign_id: int) -> dict[str, EngagementCounts]:
    """Count by deed; each address once, as the most human of what was done for it.

    People with erased engagement count as they were counted then.
    """
    each = _strongest(campaign_id).subquery()
    rows = session.execute(
        select_readers(each.c.kind, each.c.rank, func.count()).group_by(
            each.c.kind, each.c.rank
        )
    )
    named = {rank: actor.value for actor, rank in _RANK.items()}
    counted: dict[str, dict[str, int]] = {deed.value: {} for deed in DEEDS}
    for kind, rank, n in rows:
        counted[kind.value][named[rank]] = n
    for kind, actor, n in session.execute(_erased(campaign_id)):
        before = counted[kind.value].get(actor.value, 0)
        counted[kind.value][actor.value] = before + n
    return {deed: EngagementCounts(**numbers) for deed, numbers in counted.items()}


def unwatched(session: Session, campaign_id: int, tracking: Tracking) -> int:
    """Return how many of the mails that were taken cannot tell whether they were read.

    By what people say of it now: nobody keeps what they said then.
    """
    consent = col(Subscriber.tracking_consent)
    refused = consent.is_(False)
    if tracking is Tracking.CONSENT:
        refused = consent.is_not(True)
    if tracking is not Tracking.OFF and not _any(session, refused):
        return 0
    mails = (
        select_readers(func.count())
        .select_from(Delivery)
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state).in_(TAKEN))
    )
    if tracking is not Tracking.OFF:
        theirs = col(Subscriber.id) == col(Delivery.subscriber_id)
        mails = mails.join(Subscriber, theirs).where(refused)
    return int(session.execute(mails).scalar_one())


def _any(session: Session, condition: ColumnElement[bool]) -> bool:
    found = select_readers(col(Subscriber.id)).where(condition).limit(1)
    return session.execute(found).first() is not None


def _erased(campaign_id: int) -> Select[Any, Any, Any]:
    return select_readers(
        col(EngagementTotal.kind),
        col(EngagementTotal.actor),
        col(EngagementTotal.people),
    ).where(
        col(EngagementTotal.campaign_id) == campaign_id,
        col(EngagementTotal.link) == ALL_LINKS,
    )


def _strongest(campaign_id: int) -> Select[Any, Any]:
    rank = case(*((col(Event.actor) == actor, n) for actor, n in _RANK.items()))
    return (
        select_readers(col(Event.kind), func.max(rank).label("rank"))
        .where(col(Event.campaign_id) == campaign_id, col(Event.kind).in_(DEEDS))
        .group_by(col(Event.kind), col(Event.subscriber_id))
    )


@dataclass(frozen=True)
class LinkReport:
    """One link of a campaign: where it leads and its clicks.

    `people` are those that are known; `clicks` are all, of which `machine` were no
    reader's.
    """

    number: int
    url: str
    people: int
    clicks: int
    machine: int = 0


@dataclass(frozen=True)
class Report:
    """One campaign in numbers.

    `addressed` was counted when it began, the states are counted now: they have to add
    up to it, and `missing` is how many rows do not.
    """

    campaign_id: int
    subject: str
    status: CampaignStatus
    addressed: int
    states: dict[DeliveryState, int]
    people: dict[EventKind, int]
    links: tuple[LinkReport, ...]
    readers: dict[str, EngagementCounts] = field(default_factory=dict)
    unwatched: int = 0

    @property
    def missing(self) -> int:
        return self.addressed - sum(self.states.values())

    @property
    def accepted(self) -> int:
        """How many mails the provider took, whatever became of them afterwards."""
        return sum(self.states[state] for state in TAKEN)

    @property
    def watched(self) -> int:
        """How many of the accepted mails can tell whether they were read."""
        return self.accepted - self.unwatched

    def as_json(self) -> dict[str, Any]:
        return {
            "campaign": self.campaign_id,
            "status": self.status,
            "addressed": self.addressed,
            "missing": self.missing,
            "states": {state.value: n for state, n in self.states.items()},
            "opened": self.people[EventKind.OPENED],
            "clicked": self.people[EventKind.CLICKED],
            "unsubscribed": self.people[EventKind.UNSUBSCRIBED],
            "complained": self.people[EventKind.COMPLAINED],
            "other": self.people[EventKind.OTHER],
            "links": [vars(link) for link in self.links],
            "unwatched": self.unwatched,
            "engagement": {
                deed: {**vars(each), "rate": each.share_of(self.watched)}
                for deed, each in self.readers.items()
            },
        }


def report(session: Session, campaign: Campaign, *, tracking: Tracking) -> Report:
    """Count a campaign's deliveries by state, and people by what they did."""
    assert campaign.id is not None
    who = readers(session, campaign.id)
    return Report(
        campaign_id=campaign.id,
        subject=campaign.subject,
        status=campaign.status,
        addressed=campaign.recipient_count,
        states=states_of(session, campaign.id),
        people=_people(session, campaign.id)
        | {EventKind(k): w.total for k, w in who.items()},
        links=tuple(_links(session, campaign.id)),
        readers=who,
        unwatched=unwatched(session, campaign.id, tracking),
    )


def put_off(session: Session, campaign_id: int) -> str:
    """Return why deliveries wait to be tried again; empty where none does."""
    waiting = (
        select(Delivery.reason)
        .where(Delivery.campaign_id == campaign_id)
        .where(Delivery.state == DeliveryState.QUEUED, Delivery.reason != "")
        .limit(1)
    )
    return session.exec(waiting).first() or ""


def deliveries(session: Session, campaign_id: int) -> Iterator[dict[str, Any]]:
    """Yield {"address", "state", "reason", "attempts"} of each delivery, in order."""
    rows = session.exec(
        select(Subscriber.address, Delivery.state, Delivery.reason, Delivery.attempts)
        .select_from(Delivery)
        .outerjoin(Subscriber, col(Subscriber.id) == col(Delivery.subscriber_id))
        .where(Delivery.campaign_id == campaign_id)
        .order_by(col(Delivery.subscriber_id))
        .execution_options(yield_per=1000)
    )
    for address, state, reason, attempts in rows:
        yield {
            "address": address or "",
            "state": state,
            "reason": reason,
            "attempts": attempts,
        }


def states_of(session: Session, campaign_id: int) -> dict[DeliveryState, int]:
    """Return how many of a campaign's deliveries are in each state."""
    rows = session.exec(
        select(Delivery.state, func.count())
        .where(Delivery.campaign_id == campaign_id)
        .group_by(col(Delivery.state))
    )
    counted = {DeliveryState(state): n for state, n in rows}
    return dict.fromkeys(DeliveryState, 0) | counted


def _people(session: Session, campaign_id: int) -> dict[EventKind, int]:
    rows = session.exec(
        select(Event.kind, func.count(distinct(col(Event.subscriber_id))))
        .where(Event.campaign_id == campaign_id)
        .group_by(col(Event.kind))
    )
    counted = {EventKind(kind): n for kind, n in rows}
    return dict.fromkeys(EventKind, 0) | counted


def _links(session: Session, campaign_id: int) -> Iterator[LinkReport]:
    rows = session.execute(
        columns(
            col(Link.number),
            col(Link.url),
            func.count(distinct(col(Event.subscriber_id))),
            func.count(col(Event.key)),
            func.count(case((col(Event.actor) == Actor.MACHINE, 1))),
        )
        .outerjoin(
            Event,
            (col(Event.campaign_id) == Link.campaign_id)
            & (col(Event.kind) == EventKind.CLICKED)
            & (col(Event.link) == Link.number),
        )
        .where(col(Link.campaign_id) == campaign_id)
        .group_by(col(Link.number), col(Link.url))
        .order_by(col(Link.number))
    )
    totals = _totals(session, campaign_id)
    for number, url, people, clicks, machine in rows:
        more = totals.get(number, Counter())
        yield LinkReport(
            number,
            url,
            people + more["people"],
            clicks + more["clicks"],
            machine + more["machine"],
        )


def _totals(session: Session, campaign_id: int) -> dict[int, Counter[str]]:
    """Return by link what is known of clicks that are nobody's any more."""
    rows = session.exec(
        select(EngagementTotal)
        .where(EngagementTotal.campaign_id == campaign_id)
        .where(col(EngagementTotal.kind) == EventKind.CLICKED)
        .where(EngagementTotal.link != ALL_LINKS)
    )
    totals: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in rows:
        machine = row.times if row.actor is Actor.MACHINE else 0
        totals[row.link].update(people=row.people, clicks=row.times, machine=machine)
    return totals
