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
from flashmail.campaigns.briefs import current_form
from flashmail.campaigns.content import CampaignContent, Sender, compose
from flashmail.database import reading
from flashmail.links import Links
from flashmail.model import (
    Campaign,
    DigestItem,
    DigestItemState,
    Edition,
    Frequency,
    Priority,
    Schedule,
    StoredBrief,
    Timing,
    Topic,
)
from flashmail.rendering import Renderer

TEMPLATE = "digest"

FREQUENCIES = {Timing.DAILY: Frequency.DAILY, Timing.WEEKLY: Frequency.WEEKLY}

#: Which of several digests that come at one moment gives its name to the mail.
FOREMOST = (Timing.WEEKLY, Timing.DAILY, Timing.HELD)


class DigestRow(NamedTuple):
    """One brief that somebody is owed at a moment, through a topic."""

    person: int
    topic_id: int
    campaign_id: int
    edition_id: int


@dataclass(frozen=True)
class DigestLabel:
    """What a mail is called by: its moment's path, schedule and local day."""

    path: Timing
    schedule_id: int
    day: str


@dataclass
class ReaderGroup:
    """Briefs by topic, in the forms that count now, and the readers that get them.

    `parts` are pairs of a topic's number (0 for none) and a campaign's.
    """

    label: DigestLabel
    parts: tuple[tuple[int, int], ...]
    people: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class TopicSection:
    """A topic, empty where none brought them, its briefs, and where these are whole.

    `paths` are those of the archive, empty for what is not open to everybody.
    """

    topic: str
    briefs: tuple[Brief, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True)
class DigestContent:
    """All that the mail of a parcel is made of.

    `alone` is the campaign of a single brief that was only held back: it comes as it
    would have come then.
    """

    template: str
    frequency: Frequency
    day: str
    groups: tuple[TopicSection, ...]
    approved_by: str
    alone: Campaign | None = None


def group_readers(engine: Engine, edition_ids: Sequence[int]) -> list[ReaderGroup]:
    """Sort what is owed at these moments into parcels, one for each person."""
    found: dict[object, ReaderGroup] = {}
    with reading(engine) as session:
        labels = _labels(session, edition_ids)
        forms = _forms(session, edition_ids)
        for person, rows in groupby(
            _rows(session, edition_ids), lambda row: row.person
        ):
            label, parts = _packed(list(rows), labels, forms)
            parcel = found.setdefault((label, parts), ReaderGroup(label, parts))
            parcel.people.append(person)
    return list(found.values())


def content(session: Session, parcel: ReaderGroup) -> DigestContent:
    """Return what a parcel's mail is made of."""
    label = parcel.label
    schedule = session.get(Schedule, label.schedule_id) if label.schedule_id else None
    told = [session.get_one(Campaign, number) for _, number in parcel.parts]
    single = label.path is Timing.HELD and len(told) == 1
    if schedule is not None:
        approved_by = f"{schedule.approved_by} (schedule {schedule.name})"
    else:
        approved_by = told[-1].approved_by
    return DigestContent(
        schedule.template if schedule else TEMPLATE,
        FREQUENCIES.get(label.path, Frequency.INSTANT),
        label.day,
        _groups(session, parcel.parts),
        approved_by,
        told[0] if single else None,
    )


def _rows(session: Session, edition_ids: Sequence[int]) -> Iterator[DigestRow]:
    waiting = (
        select(
            DigestItem.subscriber_id,
            DigestItem.topic_id,
            DigestItem.campaign_id,
            DigestItem.edition_id,
        )
        .where(col(DigestItem.edition_id).in_(edition_ids))
        .where(DigestItem.state == DigestItemState.WAITING)
        .order_by(
            col(DigestItem.subscriber_id),
            col(DigestItem.topic_id),
            col(DigestItem.campaign_id),
        )
        .execution_options(yield_per=10_000)
    )
    for row in session.execute(waiting):
        yield DigestRow(*row)


def _packed(
    rows: Sequence[DigestRow],
    labels: dict[int | None, DigestLabel],
    forms: dict[int, int],
) -> tuple[DigestLabel, tuple[tuple[int, int], ...]]:
    """Return how one person's mail is called, and what is in it, each brief once."""
    mine = {labels[row.edition_id] for row in rows}
    label = min(mine, key=lambda each: (FOREMOST.index(each.path), each.schedule_id))
    parts: dict[int, int] = {}
    for row in rows:
        parts.setdefault(forms[row.campaign_id], row.topic_id)
    return label, tuple(sorted((topic, number) for number, topic in parts.items()))


def _labels(
    session: Session, edition_ids: Sequence[int]
) -> dict[int | None, DigestLabel]:
    rows = session.exec(select(Edition).where(col(Edition.id).in_(edition_ids)))
    return {
        each.id: DigestLabel(each.timing, each.schedule_id, _day(session, each))
        for each in rows
    }


def _day(session: Session, edition: Edition) -> str:
    """Return the day on which it is there, in words."""
    schedule = session.get(Schedule, edition.schedule_id)
    zone = zone_of(edition.zone, schedule.time_zone if schedule else "UTC")
    local: datetime = edition.at.astimezone(zone)
    return f"{local:%A, %B} {local.day}"


def _forms(session: Session, edition_ids: Sequence[int]) -> dict[int, int]:
    """Return for each campaign owed the one that tells its brief as it counts now."""
    owed = (
        select(DigestItem.campaign_id)
        .where(col(DigestItem.edition_id).in_(edition_ids))
        .where(DigestItem.state == DigestItemState.WAITING)
        .distinct()
    )
    numbers = session.exec(owed).all()
    found = {}
    for number in numbers:
        now = current_form(session, session.get_one(Campaign, number))
        found[number] = now.id if now and now.id else number
    return found


@lru_cache(maxsize=256)
def _read(markdown: str) -> Brief:
    """The same few briefs are in thousands of parcels."""
    return briefs.read(markdown)


def _groups(
    session: Session, parts: Sequence[tuple[int, int]]
) -> tuple[TopicSection, ...]:
    by_topic: defaultdict[str, list[tuple[Brief, str]]] = defaultdict(list)
    for topic_id, number in parts:
        topic = session.get(Topic, topic_id)
        campaign = session.get_one(Campaign, number)
        stored = session.get_one(StoredBrief, campaign.brief_id)
        told = _read(stored.markdown), path_of(session, campaign)
        by_topic[topic.name if topic else ""].append(told)
    return tuple(
        TopicSection(topic, tuple(b for b, _ in told), tuple(path for _, path in told))
        for topic, told in by_topic.items()
    )


def digest_of(
    digest: DigestContent,
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
