"""What became of a brief that somebody was owed, in words."""

from datetime import datetime

from sqlmodel import Session, col, distinct, func, select

from flashmail.audience.quiet import zone_of
from flashmail.model import (
    Campaign,
    Delivery,
    LeftOut,
    Occurrence,
    Owed,
    OwedState,
    Path,
    Subscriber,
)

#: What somebody waits for.
AWAITED = {
    Path.DAILY: "for the daily digest",
    Path.WEEKLY: "for the weekly digest",
    Path.HELD: "for the end of the quiet hours",
    Path.CAPPED: "over the day's limit, for the daily digest",
}

#: How it came.
CAME = {
    Path.DAILY: "with the daily digest",
    Path.WEEKLY: "with the weekly digest",
    Path.HELD: "after the quiet hours",
    Path.CAPPED: "over the day's limit, with the daily digest",
}

REASONS = {
    LeftOut.PAUSED: "rested then",
    LeftOut.GONE: "had left before it was sent",
    LeftOut.UNFOLLOWED: "had stopped following its topics before it was sent",
    LeftOut.REPLACED: "got a later form of it instead",
    LeftOut.WITHDRAWN: "it was taken back before it was sent",
}


def fate_of_owed(session: Session, owed: Owed) -> dict[str, str]:
    """Return {"state", "reason"} of a brief that did not come at once."""
    if owed.state is OwedState.LEFT_OUT and owed.reason is not None:
        return {"state": owed.state.value, "reason": REASONS[owed.reason]}
    if owed.bundle_id is None:
        return {"state": owed.state.value, "reason": _waits(session, owed)}
    way = f"{CAME[owed.path]} (campaign {owed.bundle_id})"
    delivery = session.get(Delivery, (owed.bundle_id, owed.subscriber_id))
    if delivery is not None:
        words = f"{way}: {delivery.reason}" if delivery.reason else way
        return {"state": delivery.state.value, "reason": words}
    bundle = session.get(Campaign, owed.bundle_id)
    stands = bundle.status.value if bundle else "gone"
    return {"state": owed.state.value, "reason": f"{way}, which is {stands}"}


def unscheduled(session: Session) -> int:
    """Return how many readers are owed briefs that no schedule will bring.

    Whatever can have a moment is given one by the scheduler, within a second.
    """
    waiting = select(func.count(distinct(col(Owed.subscriber_id)))).where(
        col(Owed.occurrence_id).is_(None), col(Owed.state) == OwedState.WAITING
    )
    return session.exec(waiting).one()


def _waits(session: Session, owed: Owed) -> str:
    moment = session.get(Occurrence, owed.occurrence_id) if owed.occurrence_id else None
    if moment is None:
        return f"waits {AWAITED[owed.path]}, but no schedule brings it"
    reader = session.get(Subscriber, owed.subscriber_id)
    at: datetime = moment.at.astimezone(zone_of(reader.time_zone if reader else ""))
    return f"waits {AWAITED[owed.path]} on {at:%Y-%m-%d at %H:%M %Z}"
