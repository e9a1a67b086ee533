"""The planner: each (reader, brief) goes by exactly one path; `paths` says by which.

When a campaign begins, a subscriber that is to have its brief at once gets a Delivery,
and everyone else it is for gets a DigestItem: set-wise, as there may be a million.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    Boolean,
    ColumnElement,
    CompoundSelect,
    Select,
    Subquery,
    and_,
    case,
    exists,
    false,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlmodel import Session, col, func

from flashmail.audience.segment import Segment
from flashmail.audience.selection import bringing_ids, mailable, members, of_topics
from flashmail.audience.timing import (
    BY_DIGEST,
    CAME_TO_NOTHING,
    CAP_HOURS,
    frequency_order,
    quiet_until,
    zone_of,
)
from flashmail.campaigns.briefs import related_campaigns
from flashmail.model import (
    Campaign,
    Delivery,
    DeliveryPreferences,
    DigestItem,
    DigestItemState,
    DropReason,
    Frequency,
    Priority,
    Subscriber,
    Subscription,
    Timing,
)

#: Leaves room for every topic behind the rank of a frequency, in 31 bits.
RANK = 1 << 28

#: The rank of readers of urgent briefs only, when one is not urgent.
ALARMS_LAST = frequency_order(urgent=False).index(Frequency.URGENT)


def respects_preferences(campaign: Campaign) -> bool:
    """Whether a campaign comes to each reader in the reader's own time.

    An amendment goes to the readers of the first mail at once; a digest is in time
    already.
    """
    mends = campaign.amendment_kind is not None
    return campaign.brief_id is not None and not mends and not campaign.is_digest


def deferred_readers(
    session: Session, campaign: Campaign, *, now: datetime
) -> Select[int]:
    """Return a query for readers with preferences that hold a brief back."""
    later = or_(_quiet_now(session, now), _at_their_limit(now))
    if campaign.priority == Priority.URGENT:
        later = and_(~col(DeliveryPreferences.urgent_overrides), later)
    return (
        select(col(DeliveryPreferences.subscriber_id))
        .join(Subscriber, col(Subscriber.id) == col(DeliveryPreferences.subscriber_id))
        .where(or_(col(DeliveryPreferences.paused_until) > now, later))
    )


def write_digest_items(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Write a digest item for each reader that does not get a campaign's brief at once.

    To be called when its deliveries are written, in the same transaction.
    """
    assert campaign.id is not None
    urgent = campaign.priority == Priority.URGENT
    rows = _owed_rows(session, campaign, urgent=urgent, now=now)
    columns = ["campaign_id", "subscriber_id", "timing", "topic_id", "state", "reason"]
    session.execute(insert(DigestItem).from_select([*columns, "state_since"], rows))
    _replace(session, campaign, now)


def _owed_rows(
    session: Session, campaign: Campaign, *, urgent: bool, now: datetime
) -> Select[tuple[object, ...]]:
    segment = Segment.from_json(campaign.audience)
    follower = _followers(session, segment, urgent=urgent)
    place = follower.c.place
    path = _path(session, place // RANK, urgent=urgent, now=now)
    rests = path == Timing.NONE.value
    told = select(col(Delivery.subscriber_id)).where(
        col(Delivery.campaign_id) == campaign.id
    )
    return (
        select(
            literal(campaign.id),
            col(Subscriber.id),
            path,
            place % RANK,
            case(
                (rests, DigestItemState.DROPPED.value),
                else_=DigestItemState.WAITING.value,
            ),
            case((rests, DropReason.PAUSED.value), else_=null()),
            literal(now),
        )
        .join(follower, follower.c.subscriber_id == col(Subscriber.id))
        .outerjoin(
            DeliveryPreferences,
            col(DeliveryPreferences.subscriber_id) == col(Subscriber.id),
        )
        .where(*members(session, segment), *mailable())
        .where(*([] if urgent else [place < RANK * ALARMS_LAST]))
        .where(col(Subscriber.id).not_in(told))
        .where(~_told_already(session, campaign))
    )


def _followers(session: Session, segment: Segment, *, urgent: bool) -> Subquery:
    """Return the readers of a brief: the quickest frequency, and the topic of it.

    Both in one number, RANK * frequency + topic, of which the least counts.
    """
    if not segment.bringing:
        return select(
            col(DeliveryPreferences.subscriber_id), literal(0).label("place")
        ).subquery()
    ids = bringing_ids(session, segment.bringing)
    rank = case(
        *(
            (col(Subscription.frequency) == each, n)
            for n, each in enumerate(frequency_order(urgent=urgent))
        ),
        else_=0,
    )
    return (
        select(
            col(Subscription.subscriber_id),
            func.min(rank * RANK + col(Subscription.topic_id)).label("place"),
        )
        .where(of_topics(ids), col(Subscription.subscriber_id).in_(_slow(ids)))
        .group_by(col(Subscription.subscriber_id))
        .subquery()
    )


def _slow(ids: Collection[int]) -> CompoundSelect[int]:
    """Return a query for all that may not read these topics at once; they are few."""
    # Spelled as the partial index has it.
    slow = literal_column("subscription.frequency <> 'instant'", Boolean)
    readers = select(col(Subscription.subscriber_id)).where(
        col(Subscription.topic_id).in_(ids), slow
    )
    return readers.union(select(col(DeliveryPreferences.subscriber_id)))


def _path(
    session: Session, rank: ColumnElement[int], *, urgent: bool, now: datetime
) -> ColumnElement[str]:
    """Return the timing for a reader that does not get it at once."""
    order = frequency_order(urgent=urgent)
    return case(
        (col(DeliveryPreferences.paused_until) > now, Timing.NONE.value),
        *((rank == order.index(each), path.value) for each, path in BY_DIGEST.items()),
        (_quiet_now(session, now), Timing.HELD.value),
        else_=Timing.CAPPED.value,
    )


def _quiet_now(session: Session, now: datetime) -> ColumnElement[bool]:
    """Return the condition that it is within a reader's quiet hours."""
    kinds = session.execute(
        select(col(Subscriber.time_zone), col(DeliveryPreferences.quiet_hours))
        .join(
            DeliveryPreferences,
            col(DeliveryPreferences.subscriber_id) == col(Subscriber.id),
        )
        .where(col(DeliveryPreferences.quiet_hours) != "")
        .distinct()
    )
    quiet = [
        (zone, hours) for zone, hours in kinds if quiet_until(hours, zone_of(zone), now)
    ]
    if not quiet:
        return false()
    return tuple_(col(Subscriber.time_zone), col(DeliveryPreferences.quiet_hours)).in_(
        quiet
    )


def _at_their_limit(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a reader has had as much as may come in a day."""
    since = now - timedelta(hours=CAP_HOURS)
    lately = select(col(Campaign.id)).where(col(Campaign.started_at) > since)
    count = (
        select(func.count())
        .where(col(Delivery.campaign_id).in_(lately))
        .where(col(Delivery.subscriber_id) == col(DeliveryPreferences.subscriber_id))
        .where(col(Delivery.state).not_in(CAME_TO_NOTHING))
        .correlate(DeliveryPreferences)
        .scalar_subquery()
    )
    return and_(
        col(DeliveryPreferences.daily_limit).is_not(None),
        count >= col(DeliveryPreferences.daily_limit),
    )


def _told_already(session: Session, campaign: Campaign) -> ColumnElement[bool]:
    """Return the condition that a reader has this very text, or has it coming."""
    same = [each for each in _same_text(session, campaign) if each != campaign.id]
    if not same:
        return false()
    delivered = exists().where(
        col(Delivery.campaign_id).in_(same),
        col(Delivery.subscriber_id) == col(Subscriber.id),
        col(Delivery.state).not_in(CAME_TO_NOTHING),
    )
    coming = exists().where(
        col(DigestItem.campaign_id).in_(same),
        col(DigestItem.subscriber_id) == col(Subscriber.id),
        col(DigestItem.state) != DigestItemState.DROPPED,
    )
    return or_(delivered, coming)


def _same_text(session: Session, campaign: Campaign) -> Sequence[int | None]:
    if campaign.brief_id is None:
        return []
    same = select(col(Campaign.id)).where(col(Campaign.brief_id) == campaign.brief_id)
    return session.scalars(same).all()


def _replace(session: Session, campaign: Campaign, now: datetime) -> None:
    """Drop earlier versions of this brief from the digests of its recipients."""
    earlier = [
        each for each in related_campaigns(session, campaign) if each != campaign.id
    ]
    if not earlier:
        return
    gets = select(col(Delivery.subscriber_id)).where(
        col(Delivery.campaign_id) == campaign.id
    )
    waits = select(col(DigestItem.subscriber_id)).where(
        col(DigestItem.campaign_id) == campaign.id
    )
    session.execute(
        update(DigestItem)
        .where(col(DigestItem.campaign_id).in_(earlier))
        .where(col(DigestItem.state) == DigestItemState.WAITING)
        .where(
            or_(
                col(DigestItem.subscriber_id).in_(gets),
                col(DigestItem.subscriber_id).in_(waits.scalar_subquery()),
            )
        )
        .values(
            state=DigestItemState.DROPPED, reason=DropReason.REPLACED, state_since=now
        )
        .execution_options(synchronize_session=False)
    )
