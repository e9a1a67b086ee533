"""What is told of one delivery, on its way to the table of events."""

from dataclasses import dataclass
from datetime import datetime

from flashmail.model import Actor, Event, EventKind


@dataclass(slots=True)
class Told:
    """An event that is not written yet: the columns of `Event`, in their order.

    A plain value, because making a row of a table takes longer than all that is done
    with it.
    """

    key: str
    campaign_id: int
    subscriber_id: int
    kind: EventKind
    at: datetime
    recorded_at: datetime
    link: int | None = None
    detail: str = ""
    actor: Actor = Actor.UNKNOWN
    actor_reason: str = ""
    after: float | None = None
    agent: str = ""
    network: str = ""
    flagged: bool = False


#: One that is written or one that will be.
Deed = Told | Event
