"""Who opened and clicked: people, machines, and those of whom nobody can tell."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, select
from sqlmodel import Session, col, func

from flashmail.model import Actor, Event, EventKind

#: What mail programs and scanners do on their own as well.
DEEDS = (EventKind.OPENED, EventKind.CLICKED)

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
    def most(self) -> int:
        return self.human + self.unknown


def readers(session: Session, campaign_id: int) -> dict[str, Readers]:
    """Count by deed; each address once, as the most human of what was done for it."""
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
    return {deed: Readers(**numbers) for deed, numbers in counted.items()}


def _strongest(campaign_id: int) -> Select[Any, Any]:
    rank = case(*((col(Event.actor) == actor, n) for actor, n in _RANK.items()))
    return (
        select(col(Event.kind), func.max(rank).label("rank"))
        .where(col(Event.campaign_id) == campaign_id, col(Event.kind).in_(DEEDS))
        .group_by(col(Event.kind), col(Event.subscriber_id))
    )
