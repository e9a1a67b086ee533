"""By which path a brief reaches a reader. Pure; `plan.planner` says it in SQL."""

from dataclasses import dataclass
from datetime import datetime

from flashmail.audience.quiet import quiet_until, zone_of
from flashmail.model import DeliveryState, Frequency, Path

#: A reader's limit counts the mails of so many hours. Days would begin twice, or not
#: at all, when somebody travels or clocks are changed.
CAP_HOURS = 24

#: Deliveries in these brought nothing to anybody, and count for no limit.
CAME_TO_NOTHING = (
    DeliveryState.SKIPPED,
    DeliveryState.CANCELLED,
    DeliveryState.FAILED,
)

BY_DIGEST = {Frequency.DAILY: Path.DAILY, Frequency.WEEKLY: Path.WEEKLY}


def quickest(*, urgent: bool) -> tuple[Frequency, ...]:
    """Return the frequencies, the quickest for a brief first.

    Of several topics followed the quickest counts.
    """
    instant, *digests, alarms = Frequency
    return (instant, alarms, *digests) if urgent else (instant, *digests, alarms)


@dataclass(frozen=True)
class Habits:
    """All that decides for one reader: what was asked for, and what came lately.

    `frequency` is the quickest at which one of the brief's topics is followed; `lately`
    how many mails came within the last CAP_HOURS.
    """

    frequency: Frequency
    time_zone: str = ""
    paused_until: datetime | None = None
    quiet: str = ""
    cap: int | None = None
    urgent_anyway: bool = False
    lately: int = 0


def path_of(habits: Habits, *, urgent: bool, now: datetime) -> Path | None:
    """Return how a brief that is sent now reaches a reader; None if it is not owed.

    Whoever wants urgent briefs only is not owed another one. Who rests gets nothing;
    the claim looks at that once more.
    """
    if habits.frequency is Frequency.URGENT and not urgent:
        return None
    if habits.paused_until is not None and habits.paused_until > now:
        return Path.NONE
    if urgent and habits.urgent_anyway:
        return Path.AT_ONCE
    if habits.frequency in BY_DIGEST:
        return BY_DIGEST[habits.frequency]
    if quiet_until(habits.quiet, zone_of(habits.time_zone), now):
        return Path.HELD
    if habits.cap is not None and habits.lately >= habits.cap:
        return Path.CAPPED
    return Path.AT_ONCE
