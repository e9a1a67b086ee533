"""Who opened and clicked: people, machines, and those of whom nobody can tell."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, select
from sqlmodel import Session, col, func

from flashmail.model import (
    ALL,
    Actor,
    Delivery,
    DeliveryState,
    EngagementTotal,
    Event,
    EventKind,
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
class Readers:
    """How many addresses a deed was done for, by who did it as far as can be told.

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
        """Return the rate as a range, from those who did it to those who may have.

        `mails` are those that can tell; where there were none, there is no rate.
        """
        if mails <= 0:
            return None
        return round(self.human / mails, 4), round(self.most / mails, 4)


def readers(session: Session, campaign_id: int) -> dict[str, Readers]:
    """Count by deed; each address once, as the most human of what was done for it.

    People whose engagement was erased count as they were counted then.
    """
    each = _strongest(campaign_id).subquery()
    rows = session.execute(
        select(each.c.kind, each.c.rank, func.count()).group_by(
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
    return {deed: Readers(**numbers) for deed, numbers in counted.items()}


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
        select(func.count())
        .select_from(Delivery)
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state).in_(TAKEN))
    )
    if tracking is not Tracking.OFF:
        theirs = col(Subscriber.id) == col(Delivery.subscriber_id)
        mails = mails.join(Subscriber, theirs).where(refused)
    return int(session.execute(mails).scalar_one())


def _any(session: Session, condition: ColumnElement[bool]) -> bool:
    found = select(col(Subscriber.id)).where(condition).limit(1)
    return session.execute(found).first() is not None


def _erased(campaign_id: int) -> Select[Any, Any, Any]:
    return select(
        col(EngagementTotal.kind),
        col(EngagementTotal.actor),
        col(EngagementTotal.people),
    ).where(
        col(EngagementTotal.campaign_id) == campaign_id,
        col(EngagementTotal.link) == ALL,
    )


def _strongest(campaign_id: int) -> Select[Any, Any]:
    rank = case(*((col(Event.actor) == actor, n) for actor, n in _RANK.items()))
    return (
        select(col(Event.kind), func.max(rank).label("rank"))
        .where(col(Event.campaign_id) == campaign_id, col(Event.kind).in_(DEEDS))
        .group_by(col(Event.kind), col(Event.subscriber_id))
    )
