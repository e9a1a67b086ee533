"""The newsroom at a glance: what is going on, what is next, what needs a person."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, exists, func, select
from sqlmodel.sql.expression import SelectOfScalar

from flashmail.model import (
    Campaign,
    CampaignStatus,
    Edition,
    EditionStatus,
    Schedule,
    Timing,
)
from flashmail.reports.cached import SUMMARY, figures
from flashmail.reports.undelivered import ASKS_AFTER
from flashmail.settings import Tracking

#: For so long one that was missed is spoken of.
SPOKEN_OF = timedelta(days=14)

#: What goes out by flashmail's own hours, or when quiet hours end.
OWN_NAMES = {
    Timing.DAILY: "the daily digest",
    Timing.WEEKLY: "the weekly digest",
    Timing.HELD: "what quiet hours held back",
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
            Edition.timing,
            Edition.schedule_id,
            func.max(Edition.at),
            func.count(),
        )
        .where(col(Edition.status) == EditionStatus.MISSED)
        .where(col(Edition.at) > now - SPOKEN_OF, ~_made_up_for())
        .group_by(col(Edition.timing), col(Edition.schedule_id))
        .order_by(func.max(Edition.at).desc())
    )
    return [
        _missed(session, Timing(path), schedule_id, at, times)
        for path, schedule_id, at, times in session.exec(rows).all()
    ]


def _made_up_for() -> ColumnElement[bool]:
    """Whether the same readers' next time has come and gone as it should."""
    later = Edition.__table__.alias("later")  # type: ignore[attr-defined]
    same = [
        later.c[name] == getattr(Edition, name)
        for name in ("timing", "schedule_id", "zone", "quiet_hours")
    ]
    done = [EditionStatus.BEGUN, EditionStatus.EMPTY]
    return exists().where(*same, later.c.at > col(Edition.at), later.c.status.in_(done))


def _missed(
    session: Session, path: Timing, schedule_id: int, at: datetime, times: int
) -> MissedDigest:
    planned = select(func.min(Edition.at)).where(
        Edition.timing == path,
        Edition.schedule_id == schedule_id,
        Edition.status == EditionStatus.WAITING,
    )
    next_at = session.exec(planned).one()
    found = MissedDigest(OWN_NAMES.get(path, path.value), at, times, next_at)
    schedule = session.get(Schedule, schedule_id) if schedule_id else None
    if schedule is None:
        return found
    resting = "" if schedule.active else schedule.name
    return replace(found, name=f"the digest “{schedule.name}”", resting=resting)


UNDER_WAY = (CampaignStatus.SENDING, CampaignStatus.PAUSED)

#: What has to be looked at before it goes on.
STUCK = {
    CampaignStatus.MISSED: "Its time went by. Should it still go? Else cancel it.",
    CampaignStatus.PAUSED: "It is paused. Let it go on, or cancel it.",
    CampaignStatus.DRAFT: "It waits for somebody to approve it.",
    CampaignStatus.APPROVED: "It is approved, but has no time to go out at.",
}

#: Of fewer mails than these a share says nothing.
FEWEST = 100

#: Providers look closely at senders above: 2 % bounces, and 0.1 % complaints (Gmail and
#: Yahoo ask for less).
BOUNCES, COMPLAINTS = 0.02, 0.001

#: For so long a campaign that ended is looked at, and so many of them are.
LOOKED_AT, CAMPAIGNS = timedelta(days=14), 20

#: How many of each kind are listed.
SHOWN = 10


@dataclass(frozen=True)
class CampaignSummary:
    """A campaign with its figures as plain values, see `reports.cached`."""

    campaign: Campaign
    figures: dict[str, Any]

    @property
    def ended(self) -> int:
        """How many of its mails need no more work."""
        states = self.figures["states"]
        waiting = states["queued"] + states["claimed"] + states["armed"]
        return int(sum(states.values()) - waiting)


@dataclass(frozen=True)
class ActionItem:
    """Something for a person to do: what about which campaign, and where."""

    campaign: Campaign
    words: str
    path: str


@dataclass(frozen=True)
class Newsroom:
    """What somebody sees of it; `only` are the campaigns, None for all of them."""

    session: Session
    now: datetime
    tracking: Tracking
    only: Collection[int] | None = None

    def under_way(self) -> list[CampaignSummary]:
        """Return the campaigns that are being sent, or stopped on the way."""
        found = self._in(UNDER_WAY).order_by(
            col(Campaign.priority).desc(), col(Campaign.id).desc()
        )
        return self._with_figures(self.session.exec(found.limit(SHOWN)))

    def coming(self) -> list[Campaign]:
        """Return the campaigns that wait for their time, the next one first."""
        found = self._in([CampaignStatus.SCHEDULED]).order_by(col(Campaign.send_at))
        return list(self.session.exec(found.limit(SHOWN)))

    def ended(self) -> list[CampaignSummary]:
        """Return the campaigns that were sent last."""
        found = self._in([CampaignStatus.SENT]).order_by(col(Campaign.id).desc())
        return self._with_figures(self.session.exec(found.limit(SHOWN)))

    def needs(self) -> list[ActionItem]:
        """Return what a person should look at, what waits first."""
        waiting = self._in(list(STUCK)).order_by(col(Campaign.id).desc())
        found = [
            ActionItem(each, each.note or STUCK[each.status], f"/campaigns/{each.id}")
            for each in self.session.exec(waiting.limit(SHOWN))
        ]
        recent = (
            self._seen()
            .where(col(Campaign.started_at) > self.now - LOOKED_AT)
            .order_by(col(Campaign.id).desc())
            .limit(CAMPAIGNS)
        )
        for each in self._with_figures(self.session.exec(recent)):
            path = f"/campaigns/{each.campaign.id}/report"
            found += [
                ActionItem(each.campaign, words, f"{path}#{place}")
                for words, place in concerns(each, now=self.now)
            ]
        return found

    def _seen(self) -> SelectOfScalar[Campaign]:
        every = select(Campaign)
        if self.only is None:
            return every
        return every.where(col(Campaign.id).in_(self.only))

    def _in(self, statuses: Iterable[CampaignStatus]) -> SelectOfScalar[Campaign]:
        return self._seen().where(col(Campaign.status).in_(list(statuses)))

    def _with_figures(self, found: Iterable[Campaign]) -> list[CampaignSummary]:
        counted = partial(
            figures, self.session, part=SUMMARY, now=self.now, tracking=self.tracking
        )
        return [CampaignSummary(each, counted(each).values) for each in list(found)]


def concerns(progress: CampaignSummary, *, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a campaign's figures, and where its report says more."""
    counted, campaign = progress.figures, progress.campaign
    if counted["missing"]:
        yield f"{counted['missing']:,} of its deliveries are not there", "states"
    unknown, began = counted["states"]["unknown"], campaign.started_at or now
    if unknown and now - began > ASKS_AFTER:
        yield f"of {unknown:,} nobody knows whether they got it", "failures"
    if counted["retryable"]:
        yield f"{counted['retryable']:,} failed, but may be tried again", "failures"
    bounced, complained = counted["states"]["bounced"], counted["complained"]
    if _above(BOUNCES, bounced, counted["addressed"]):
        yield f"{_share(bounced, counted['addressed'])} bounced", "domains"
    if _above(COMPLAINTS, complained, counted["accepted"]):
        yield f"{_share(complained, counted['accepted'])} complained of spam", "domains"


def _above(limit: float, n: int, of: int) -> bool:
    return of >= FEWEST and n > limit * of


def _share(n: int, of: int) -> str:
    return f"{100 * n / of:.2g} %"
