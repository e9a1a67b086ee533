"""The archive: every brief that was sent to the public, in the form that counts now.

What has a private topic, is under embargo or was taken back is not in it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from sqlmodel import Session, col, select

from flashmail import briefs
from flashmail.audience.segment import Segment
from flashmail.audience.topics import lineage, slug_of
from flashmail.briefs import Brief
from flashmail.campaigns.briefs import TOLD
from flashmail.model import AmendmentKind, Campaign, StoredBrief, Topic

LONGEST_SLUG = 60


class Amendment(NamedTuple):
    """When a brief was put right, or taken back, and what its readers were told."""

    at: datetime
    words: str


@dataclass(frozen=True)
class ArchivedBrief:
    """A brief in the archive; `number` is that of its first form, and stays.

    `corrections` are said from the first to the last; `changed_at` is when something of
    it was sent for the last time.
    """

    number: int
    brief: Brief
    published_at: datetime
    changed_at: datetime
    corrections: tuple[Amendment, ...] = ()
    withdrawal: Amendment | None = None

    @property
    def slug(self) -> str:
        return path_slug(self.brief.title)

    @property
    def path(self) -> str:
        return f"/archive/{self.number}/{self.slug}"

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(quote.person for quote in self.brief.quotes))


@dataclass(frozen=True)
class _SentForm:
    """One time that a brief was sent."""

    campaign: Campaign
    stored: StoredBrief

    @property
    def at(self) -> datetime:
        assert self.campaign.started_at is not None
        return self.campaign.started_at


def entries(session: Session, *, now: datetime) -> list[ArchivedBrief]:
    """Return what is in the archive, the latest first."""
    found = [_entry(forms) for forms in _stories(_public(session, now))]
    shown = [each for each in found if each.withdrawal is None]
    return sorted(
        shown, key=lambda each: (each.published_at, each.number), reverse=True
    )


def find(session: Session, number: int, *, now: datetime) -> ArchivedBrief | None:
    """Return a brief of the archive, also one that was taken back, or None."""
    for forms in _stories(_public(session, now)):
        if any(form.stored.id == number for form in forms):
            return _entry(forms)
    return None


def path_of(session: Session, campaign: Campaign) -> str:
    """Return where a campaign's brief can be read whole; empty if not by everybody."""
    if campaign.brief_id is None:
        return ""
    stored = session.get_one(StoredBrief, campaign.brief_id)
    if not _hidden(session).isdisjoint(_tags(campaign, stored)):
        return ""
    return f"/archive/{stored.id}/{slug_of(stored.title)}"


def about(found: Iterable[ArchivedBrief], tags: frozenset[str]) -> list[ArchivedBrief]:
    """Return the entries with one of these topics."""
    return [each for each in found if not tags.isdisjoint(each.brief.topics)]


def quoting(found: Iterable[ArchivedBrief], person: str) -> list[ArchivedBrief]:
    """Return the entries that quote a person, named by slug."""
    return [each for each in found if person in map(slug_of, each.people)]


def open_topics(session: Session) -> list[Topic]:
    """Return the topics that anybody may see."""
    hidden = _hidden(session)
    topics = session.exec(select(Topic).order_by(col(Topic.name))).all()
    return [each for each in topics if each.name not in hidden and not each.retired]


def path_slug(text: str) -> str:
    """Return a text as part of an address, never empty: a-z, 0-9 and hyphens."""
    slug = slug_of(text)[:LONGEST_SLUG].strip("-")
    return slug or sha256(text.encode()).hexdigest()[:12]


def _public(session: Session, now: datetime) -> list[_SentForm]:
    """Return all that was sent and may be seen by everybody, the first first."""
    sent = (
        select(Campaign, StoredBrief)
        .join(StoredBrief, col(StoredBrief.id) == col(Campaign.brief_id))
        .where(col(Campaign.status).in_(TOLD), ~col(Campaign.is_digest))
        .where(StoredBrief.lifted(now), col(Campaign.started_at).is_not(None))
        .order_by(col(Campaign.id))
    )
    hidden = _hidden(session)
    return [
        _SentForm(campaign, stored)
        for campaign, stored in session.exec(sent)
        if hidden.isdisjoint(_tags(campaign, stored))
    ]


def _hidden(session: Session) -> frozenset[str]:
    """Return the private topics and whatever belongs under them."""
    private = session.exec(select(Topic.name).where(col(Topic.private))).all()
    return lineage(session).expand(private)


def _tags(campaign: Campaign, stored: StoredBrief) -> set[str]:
    segment = Segment.from_json(campaign.audience)
    return {*campaign.topics, *_read(stored.markdown).topics, *segment.bringing}


def _stories(forms: Sequence[_SentForm]) -> list[list[_SentForm]]:
    """Put together what corrects each other, and what has the very same text."""
    by_campaign: dict[int | None, list[_SentForm]] = {}
    by_text: dict[int | None, list[_SentForm]] = {}
    found: list[list[_SentForm]] = []
    for form in forms:
        story = by_campaign.get(form.campaign.amends_id) or by_text.get(form.stored.id)
        if story is None:
            story = []
            found.append(story)
        story.append(form)
        by_campaign[form.campaign.id] = story
        by_text.setdefault(form.stored.id, story)
    return found


def _entry(forms: Sequence[_SentForm]) -> ArchivedBrief:
    first, last = forms[0], forms[-1]
    amended: dict[tuple[int | None, str], Amendment] = {}
    for form in forms[1:]:
        # The mended brief to some and its correction to others are one correction.
        said = (form.stored.id, form.campaign.amendment_text)
        if form.campaign.amendment_kind in (
            AmendmentKind.REST,
            AmendmentKind.CORRECTION,
        ):
            amended.setdefault(said, Amendment(form.at, form.campaign.amendment_text))
    withdrawn = last.campaign.amendment_kind is AmendmentKind.RETRACTION
    return ArchivedBrief(
        first.stored.id or 0,
        _read(last.stored.markdown),
        first.at,
        max(form.at for form in forms if form is first or form.campaign.amendment_kind),
        tuple(amended.values()),
        Amendment(last.at, last.campaign.amendment_text) if withdrawn else None,
    )


@lru_cache(maxsize=4096)
def _read(markdown: str) -> Brief:
    return briefs.read(markdown)
