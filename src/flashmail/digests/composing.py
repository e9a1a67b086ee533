"""Parcels: what several people are owed at one moment, the same for all of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from flashmail import briefs
from flashmail.audience.segment import Segment
from flashmail.audience.timing import zone_of
from flashmail.briefs import Brief
from flashmail.campaigns.archive import path_of
from flashmail.campaigns.briefs import latest
from flashmail.campaigns.content import CampaignContent, Sender, compose
from flashmail.database import reading
from flashmail.links import Links
from flashmail.model import (
    Campaign,
    Frequency,
    Occurrence,
    Owed,
    OwedState,
    Path,
    Priority,
    Schedule,
    StoredBrief,
    Topic,
)
from flashmail.rendering import Renderer

TEMPLATE = "digest"

FREQUENCIES = {Path.DAILY: Frequency.DAILY, Path.WEEKLY: Frequency.WEEKLY}

#: Which of several digests that come at one moment gives its name to the mail.
FOREMOST = (Path.WEEKLY, Path.DAILY, Path.HELD)


class Line(NamedTuple):
    """One brief that somebody is owed at a moment, through a topic."""

    person: int
    topic_id: int
    campaign_id: int
    occurrence_id: int


@dataclass(frozen=True)
class Label:
    """What a mail is called by: its moment's path, schedule and local day."""

    path: Path
    schedule_id: int
    day: str


@dataclass
class Parcel:
    """Briefs by topic, in the forms that count now, and the people who get them.

    `parts` are pairs of a topic's number (0 for none) and a campaign's.
    """

    label: Label
    parts: tuple[tuple[int, int], ...]
    people: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """A topic, empty where none brought them, its briefs, and where these are whole.

    `paths` are those of the archive, empty for what is not open to everybody.
    """

    topic: str
    briefs: tuple[Brief, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Digest:
    """All that the mail of a parcel is made of.

    `alone` is the campaign of a single brief that was only held back: it comes as it
    would have come then.
    """

    template: str
    frequency: Frequency
    day: str
    groups: tuple[Group, ...]
    approved_by: str
    alone: Campaign | None = None


def parcels(engine: Engine, occurrence_ids: Sequence[int]) -> list[Parcel]:
    """Sort what is owed at these moments into parcels, one for each person."""
    found: dict[object, Parcel] = {}
    with reading(engine) as session:
        labels = _labels(session, occurrence_ids)
        forms = _forms(session, occurrence_ids)
        for person, rows in groupby(
            _rows(session, occurrence_ids), lambda row: row.person
        ):
            label, parts = _packed(list(rows), labels, forms)
            parcel = found.setdefault((label, parts), Parcel(label, parts))
            parcel.people.append(person)
    return list(found.values())


def content(session: Session, parcel: Parcel) -> Digest:
    """Return what a parcel's mail is made of."""
    label = parcel.label
    schedule = session.get(Schedule, label.schedule_id) if label.schedule_id else None
    told = [session.get_one(Campaign, number) for _, number in parcel.parts]
    single = label.path is Path.HELD and len(told) == 1
    if schedule is not None:
        approved_by = f"{schedule.approved_by} (schedule {schedule.name})"
    else:
        approved_by = told[-1].approved_by
    return Digest(
        schedule.template if schedule else TEMPLATE,
        FREQUENCIES.get(label.path, Frequency.INSTANT),
        label.day,
        _groups(session, parcel.parts),
        approved_by,
        told[0] if single else None,
    )


def _rows(session: Session, occurrence_ids: Sequence[int]) -> Iterator[Line]:
    waiting = (
        select(Owed.subscriber_id, Owed.topic_id, Owed.campaign_id, Owed.occurrence_id)
        .where(col(Owed.occurrence_id).in_(occurrence_ids))
        .where(Owed.state == OwedState.WAITING)
        .order_by(col(Owed.subscriber_id), col(Owed.topic_id), col(Owed.campaign_id))
        .execution_options(yield_per=10_000)
    )
    for row in session.execute(waiting):
        yield Line(*row)


def _packed(
    rows: Sequence[Line],
    labels: dict[int | None, Label],
    forms: dict[int, int],
) -> tuple[Label, tuple[tuple[int, int], ...]]:
    """Return how one person's mail is called, and what is in it, each brief once."""
    mine = {labels[row.occurrence_id] for row in rows}
    label = min(mine, key=lambda each: (FOREMOST.index(each.path), each.schedule_id))
    parts: dict[int, int] = {}
    for row in rows:
        parts.setdefault(forms[row.campaign_id], row.topic_id)
    return label, tuple(sorted((topic, number) for number, topic in parts.items()))


def _labels(session: Session, occurrence_ids: Sequence[int]) -> dict[int | None, Label]:
    rows = session.exec(
        select(Occurrence).where(col(Occurrence.id).in_(occurrence_ids))
    )
    return {
        each.id: Label(each.path, each.schedule_id, _day(session, each))
        for each in rows
    }


def _day(session: Session, occurrence: Occurrence) -> str:
    """Return the day on which it is there, in words."""
    schedule = session.get(Schedule, occurrence.schedule_id)
    zone = zone_of(occurrence.zone, schedule.time_zone if schedule else "UTC")
    local: datetime = occurrence.at.astimezone(zone)
    return f"{local:%A, %B} {local.day}"


def _forms(session: Session, occurrence_ids: Sequence[int]) -> dict[int, int]:
    """Return for each campaign owed the one that tells its brief as it counts now."""
    owed = (
        select(Owed.campaign_id)
        .where(col(Owed.occurrence_id).in_(occurrence_ids))
        .where(Owed.state == OwedState.WAITING)
        .distinct()
    )
    numbers = session.exec(owed).all()
    found = {}
    for number in numbers:
        now = latest(session, session.get_one(Campaign, number))
        found[number] = now.id if now and now.id else number
    return found


@lru_cache(maxsize=256)
def _read(markdown: str) -> Brief:
    """The same few briefs are in thousands of parcels."""
    return briefs.read(markdown)


def _groups(session: Session, parts: Sequence[tuple[int, int]]) -> tuple[Group, ...]:
    by_topic: defaultdict[str, list[tuple[Brief, str]]] = defaultdict(list)
    for topic_id, number in parts:
        topic = session.get(Topic, topic_id)
        campaign = session.get_one(Campaign, number)
        stored = session.get_one(StoredBrief, campaign.brief_id)
        told = _read(stored.markdown), path_of(session, campaign)
        by_topic[topic.name if topic else ""].append(told)
    return tuple(
        Group(topic, tuple(b for b, _ in told), tuple(path for _, path in told))
        for topic, told in by_topic.items()
    )


def digest_of(
    digest: Digest,
    *,
    renderer: Renderer,
    sender: Sender,
    links: Links,
) -> CampaignContent:
    """Render a digest of briefs into everything that its campaign will say."""
    every = tuple(each for group in digest.groups for each in group.briefs)
    groups = tuple(
        {
            "topic": group.topic,
            "briefs": group.briefs,
            "links": [path and f"{links.base_url}{path}" for path in group.paths],
        }
        for group in digest.groups
    )
    extra = {
        "briefs": every,
        "frequency": digest.frequency.value,
        "groups": groups,
        "period": digest.day,
    }
    rendered = renderer.render(None, digest.template, extra=extra)
    topics = tuple(group.topic for group in digest.groups if group.topic)
    return compose(
        rendered.message,
        rendered.destinations,
        segment=Segment(name=f"{digest.frequency} digest", any=topics),
        topics=topics,
        template=digest.template,
        priority=Priority.NORMAL,
        sender=sender,
        links=links,
        frequency=digest.frequency,
    )
