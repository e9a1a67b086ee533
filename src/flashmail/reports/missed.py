"""Digests that were missed, as long as nothing has made up for them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, exists, func, select

from flashmail.model import Occurrence, OccurrenceStatus, Path, Schedule

#: For so long one that was missed is spoken of.
SPOKEN_OF = timedelta(days=14)

#: What goes out by flashmail's own hours, or when quiet hours end.
OWN_NAMES = {
    Path.DAILY: "the daily digest",
    Path.WEEKLY: "the weekly digest",
    Path.HELD: "what quiet hours held back",
}


@dataclass(frozen=True)
class MissedDigest:
    """A digest that did not go out, the last time at `at`.

    Its briefs come with the next one, at `next_at`; None where none is planned yet.
    `resting` is a schedule that somebody stopped. Readers live in time zones: `times`
    is at how many moments it was missed.
    """

    name: str
    at: datetime
    times: int
    next_at: datetime | None
    resting: str = ""


def missed(session: Session, *, now: datetime) -> list[MissedDigest]:
    """Return the digests that were missed, the one missed last at the top."""
    rows = (
        select(
            Occurrence.path,
            Occurrence.schedule_id,
            func.max(Occurrence.at),
            func.count(),
        )
        .where(col(Occurrence.status) == OccurrenceStatus.MISSED)
        .where(col(Occurrence.at) > now - SPOKEN_OF, ~_made_up_for())
        .group_by(col(Occurrence.path), col(Occurrence.schedule_id))
        .order_by(func.max(Occurrence.at).desc())
    )
    return [
        _missed(session, Path(path), schedule_id, at, times)
        for path, schedule_id, at, times in session.exec(rows).all()
    ]


def _made_up_for() -> ColumnElement[bool]:
    """Whether the same readers' next time has come and gone as it should."""
    later = Occurrence.__table__.alias("later")  # type: ignore[attr-defined]
    same = [
        later.c[name] == getattr(Occurrence, name)
        for name in ("path", "schedule_id", "zone", "quiet")
    ]
    done = [OccurrenceStatus.BEGUN, OccurrenceStatus.EMPTY]
    return exists().where(
        *same, later.c.at > col(Occurrence.at), later.c.status.in_(done)
    )


def _missed(
    session: Session, path: Path, schedule_id: int, at: datetime, times: int
) -> MissedDigest:
    planned = select(func.min(Occurrence.at)).where(
        Occurrence.path == path,
        Occurrence.schedule_id == schedule_id,
        Occurrence.status == OccurrenceStatus.WAITING,
    )
    next_at = session.exec(planned).one()
    found = MissedDigest(OWN_NAMES.get(path, path.value), at, times, next_at)
    schedule = session.get(Schedule, schedule_id) if schedule_id else None
    if schedule is None:
        return found
    resting = "" if schedule.active else schedule.name
    return replace(found, name=f"the digest “{schedule.name}”", resting=resting)
