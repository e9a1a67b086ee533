"""Dry run: a campaign goes the whole way to its readers, and stops at the door.

The same query finds the audience, the same filters leave people out, the same code
fills in each mail. Only no transport takes it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime

import sqlalchemy
from sqlalchemy import Engine, null
from sqlmodel import Session, col, func, select

from flashmail import audit
from flashmail.audience.segment import Segment
from flashmail.audience.selection import bringing, count, mailable
from flashmail.campaigns import audience
from flashmail.campaigns.audience import reachable
from flashmail.campaigns.content import load_content, load_message
from flashmail.campaigns.lifecycle import get_campaign
from flashmail.database import reading, transaction
from flashmail.delivery.claim import ATTRIBUTE, Claim, ClaimedReader
from flashmail.delivery.handover import recipients
from flashmail.delivery.starting import count_in_flight
from flashmail.delivery.statements import topics_followed
from flashmail.digests.planner import deferred_readers, respects_preferences
from flashmail.errors import WrongInput
from flashmail.links import Tokens
from flashmail.message import Message, used_fields
from flashmail.message.mime import compiled
from flashmail.model import Campaign, DryRun, Priority, Subscriber
from flashmail.review.preflight import usual_audience
from flashmail.transports import Recipient

#: So many readers are looked at together.
AT_A_TIME = 1000

#: Said of readers that left between the one look and the next.
LEFT_MEANWHILE = "left meanwhile"

#: So many different reasons are kept; each may name an address.
REASONS, OTHER_REASONS = 20, "other reasons"

#: Said of readers held back by quiet hours or a daily limit, if it went now.
LATER = "later, for their quiet hours or daily limit"

#: Told how many are done, out of how many.
Advance = Callable[[int, int], None]


@dataclass
class DryRunResult:
    """What was found on the way; people, and bytes of a mail."""

    refused: Counter[str] = field(default_factory=Counter)
    filled: int = 0
    smallest: int = 0
    largest: int = 0

    def weigh(self, size: int) -> None:
        self.smallest = min(self.smallest or size, size)
        self.largest = max(self.largest, size)
        self.filled += 1


def dry_run(
    engine: Engine,
    campaign_id: int,
    tokens: Tokens,
    *,
    by: str,
    now: datetime,
    advance: Advance = lambda done, total: None,
) -> int:
    """Run a campaign dry; return the number of the dry run.

    It keeps nobody waiting: it reads, a thousand readers at a time, and writes once.
    """
    with reading(engine) as session:
        campaign = get_campaign(session, campaign_id)
        _require_landed(session, campaign)
        ids = audience_of(session, campaign)
        left_out = _left_out(session, campaign, now)
        what = load_content(session, campaign)
        usual = usual_audience(session, what, own=campaign_id)
    found = _walk(engine, campaign, ids, tokens, now, advance)
    if missing := len(ids) - found.filled - found.refused.total():
        left_out[LEFT_MEANWHILE] = missing
    kept = DryRun(
        campaign_id=campaign_id,
        at=now,
        requested_by=by,
        content_hash=what.content_hash,
        audience_hash=audience.hash_ids(ids),
        audience_size=len(ids),
        audience_ids=audience.pack_ids(ids),
        excluded=left_out,
        refused=dict(found.refused),
        mail_sizes=[found.smallest, found.largest],
        usual_size=usual,
        subject=campaign.subject,
        text=campaign.text,
    )
    return _keep(engine, kept)


def audience_of(session: Session, campaign: Campaign) -> list[int]:
    """Return the ids of all that a campaign may reach now."""
    return sorted(audience.read_ids(session, reachable(session, campaign)))


def latest(session: Session, campaign_id: int) -> DryRun | None:
    """Return a campaign's last dry run."""
    rows = select(DryRun).where(DryRun.campaign_id == campaign_id)
    return session.exec(rows.order_by(col(DryRun.id).desc()).limit(1)).first()


def _require_landed(session: Session, campaign: Campaign) -> None:
    under_way = (
        count_in_flight(session, campaign.amends_id) if campaign.amends_id else 0
    )
    if under_way:
        raise WrongInput(
            f"{under_way:,} mails of campaign {campaign.amends_id} are on their way:"
            " it takes some seconds to know who got it; then rehearse"
        )


def _keep(engine: Engine, kept: DryRun) -> int:
    with transaction(engine) as session:
        session.add(kept)
        session.flush()
        audit.record(
            session,
            audit.of_campaign(kept.campaign_id),
            "dry-run",
            by=kept.requested_by,
            now=kept.at,
            meant=kept.audience_size,
            content=kept.content_hash,
            audience=kept.audience_hash,
        )
        assert kept.id is not None
        return kept.id


def _left_out(session: Session, campaign: Campaign, now: datetime) -> dict[str, int]:
    """Count the segment's members that get nothing now, by the reason.

    Readers held back are among the audience: they get it later.
    """
    if campaign.amendment_kind is not None:
        return {}
    segment = Segment.from_json(campaign.audience)
    urgent = campaign.priority == Priority.URGENT
    counted = dict(count(session, segment, urgent=urgent).left_out)
    counted[LATER] = (
        _held(session, campaign, now) if respects_preferences(campaign) else 0
    )
    return {reason: n for reason, n in counted.items() if n}


def _held(session: Session, campaign: Campaign, now: datetime) -> int:
    people = reachable(session, campaign).subquery()
    held = people.c[0].in_(deferred_readers(session, campaign, now=now))
    return session.scalar(select(func.count()).select_from(people).where(held)) or 0


def _walk(
    engine: Engine,
    campaign: Campaign,
    ids: Sequence[int],
    tokens: Tokens,
    now: datetime,
    advance: Advance,
) -> DryRunResult:
    message, found = load_message(campaign), DryRunResult()
    attributes = any(each.startswith(ATTRIBUTE) for each in used_fields(message))
    for begin in range(0, len(ids), AT_A_TIME):
        advance(begin, len(ids))
        some = ids[begin : begin + AT_A_TIME]
        with reading(engine) as session:
            topics = bringing(session, campaign.topics)
            readers = _readers(session, some, topics, attributes=attributes)
        held = Claim(0, 0, campaign, readers, topics)
        for each in recipients(held, message, tokens):
            _fill(found, message, each, format_datetime(now))
    advance(len(ids), len(ids))
    return found


def _fill(found: DryRunResult, message: Message, who: Recipient, date: str) -> None:
    try:
        found.weigh(len(compiled(message).fill(who.address, who.values, date)))
    except WrongInput as problem:
        few = len(found.refused) < REASONS
        found.refused[str(problem) if few else OTHER_REASONS] += 1


def _readers(
    session: Session, ids: Sequence[int], topics: Iterable[int], *, attributes: bool
) -> tuple[ClaimedReader, ...]:
    """Return those that would still be mailed at the moment of the claim."""
    rows = session.execute(
        sqlalchemy.select(
            col(Subscriber.id),
            col(Subscriber.address),
            col(Subscriber.name),
            topics_followed(col(Subscriber.id)),
            col(Subscriber.attributes) if attributes else null(),
            col(Subscriber.tracking_consent),
        )
        .where(col(Subscriber.id).in_(ids))
        .where(*mailable()),
        {"topics": list(topics)},
    )
    return tuple(ClaimedReader(*row) for row in rows)
