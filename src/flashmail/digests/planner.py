"""The planner: each (reader, brief) goes by exactly one path; `paths` says by which.

When a campaign begins, whoever is to have its brief at once gets a Delivery, and
everybody else to whom it is owed an Owed row: set-wise, as there may be a million.
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
    quickest,
    quiet_until,
    zone_of,
)
from flashmail.campaigns.briefs import story
from flashmail.model import (
    Campaign,
    Delivery,
    Frequency,
    LeftOut,
    Owed,
    OwedState,
    Path,
    Priority,
    Rhythm,
    Subscriber,
    Subscription,
)

#: Leaves room for every topic behind the rank of a frequency, in 31 bits.
RANK = 1 << 28

#: The rank of those who want urgent briefs only, when one is not urgent.
ALARMS_LAST = quickest(urgent=False).index(Frequency.URGENT)


def by_rhythm(campaign: Campaign) -> bool:
    """Whether a campaign comes to each reader in the reader's own time.

    What mends a brief goes to who got it, at once; what was planned is in time already.
    """
    mends = campaign.amends is not None
    return campaign.brief_id is not None and not mends and not campaign.planned


def held_back(session: Session, campaign: Campaign, *, now: datetime) -> Select[int]:
    """Return a query for those whose rhythm keeps a brief from coming at once."""
    later = or_(_quiet_now(session, now), _at_their_limit(now))
    if campaign.priority == Priority.URGENT:
        later = and_(~col(Rhythm.urgent_anyway), later)
    return (
        select(col(Rhythm.subscriber_id))
        .join(Subscriber, col(Subscriber.id) == col(Rhythm.subscriber_id))
        .where(or_(col(Rhythm.paused_until) > now, later))
    )


def owe(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Write down to whom a campaign's brief is owed that do not get it at once.

    To be called when its deliveries are written, in the same transaction.
    """
    assert campaign.id is not None
    urgent = campaign.priority == Priority.URGENT
    rows = _owed_rows(session, campaign, urgent=urgent, now=now)
    columns = ["campaign_id", "subscriber_id", "path", "topic_id", "state", "reason"]
    session.execute(insert(Owed).from_select([*columns, "at"], rows))
    _replace(session, campaign, now)


def _owed_rows(
    session: Session, campaign: Campaign, *, urgent: bool, now: datetime
) -> Select[tuple[object, ...]]:
    segment = Segment.from_json(campaign.audience)
    follower = _followers(session, segment, urgent=urgent)
    place = follower.c.place
    path = _path(session, place // RANK, urgent=urgent, now=now)
    rests = path == Path.NONE.value
    told = select(col(Delivery.subscriber_id)).where(
        col(Delivery.campaign_id) == campaign.id
    )
    return (
        select(
            literal(campaign.id),
            col(Subscriber.id),
            path,
            place % RANK,
            case((rests, OwedState.LEFT_OUT.value), else_=OwedState.WAITING.value),
            case((rests, LeftOut.PAUSED.value), else_=null()),
            literal(now),
        )
        .join(follower, follower.c.subscriber_id == col(Subscriber.id))
        .outerjoin(Rhythm, col(Rhythm.subscriber_id) == col(Subscriber.id))
        .where(*members(session, segment), *mailable())
        .where(*([] if urgent else [place < RANK * ALARMS_LAST]))
        .where(col(Subscriber.id).not_in(told))
        .where(~_told_already(session, campaign))
    )


def _followers(session: Session, segment: Segment, *, urgent: bool) -> Subquery:
    """Return who may be owed a brief: the quickest frequency, and the topic of it.

    Both in one number, RANK * frequency + topic, of which the least counts.
    """
    if not segment.bringing:
        return select(col(Rhythm.subscriber_id), literal(0).label("place")).subquery()
    ids = bringing_ids(session, segment.bringing)
    rank = case(
        *(
            (col(Subscription.frequency) == each, n)
            for n, each in enumerate(quickest(urgent=urgent))
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
    """Return a query for all who may not read these topics at once; they are few."""
    # Spelled as the partial index has it.
    slow = literal_column("subscription.frequency <> 'instant'", Boolean)
    readers = select(col(Subscription.subscriber_id)).where(
        col(Subscription.topic_id).in_(ids), slow
    )
    return readers.union(select(col(Rhythm.subscriber_id)))


def _path(
    session: Session, rank: ColumnElement[int], *, urgent: bool, now: datetime
) -> ColumnElement[str]:
    """Return the path of who does not get it at once."""
    order = quickest(urgent=urgent)
    return case(
        (col(Rhythm.paused_until) > now, Path.NONE.value),
        *((rank == order.index(each), path.value) for each, path in BY_DIGEST.items()),
        (_quiet_now(session, now), Path.HELD.value),
        else_=Path.CAPPED.value,
    )


def _quiet_now(session: Session, now: datetime) -> ColumnElement[bool]:
    """Return the condition that it is within a reader's quiet hours."""
    kinds = session.execute(
        select(col(Subscriber.time_zone), col(Rhythm.quiet))
        .join(Rhythm, col(Rhythm.subscriber_id) == col(Subscriber.id))
        .where(col(Rhythm.quiet) != "")
        .distinct()
    )
    quiet = [
        (zone, hours) for zone, hours in kinds if quiet_until(hours, zone_of(zone), now)
    ]
    if not quiet:
        return false()
    return tuple_(col(Subscriber.time_zone), col(Rhythm.quiet)).in_(quiet)


def _at_their_limit(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a reader has had as much as may come in a day."""
    since = now - timedelta(hours=CAP_HOURS)
    lately = select(col(Campaign.id)).where(col(Campaign.started_at) > since)
    count = (
        select(func.count())
        .where(col(Delivery.campaign_id).in_(lately))
        .where(col(Delivery.subscriber_id) == col(Rhythm.subscriber_id))
        .where(col(Delivery.state).not_in(CAME_TO_NOTHING))
        .correlate(Rhythm)
        .scalar_subquery()
    )
    return and_(col(Rhythm.cap).is_not(None), count >= col(Rhythm.cap))


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
        col(Owed.campaign_id).in_(same),
        col(Owed.subscriber_id) == col(Subscriber.id),
        col(Owed.state) != OwedState.LEFT_OUT,
    )
    return or_(delivered, coming)


def _same_text(session: Session, campaign: Campaign) -> Sequence[int | None]:
    if campaign.brief_id is None:
        return []
    same = select(col(Campaign.id)).where(col(Campaign.brief_id) == campaign.brief_id)
    return session.scalars(same).all()


def _replace(session: Session, campaign: Campaign, now: datetime) -> None:
    """Whoever gets this form of a brief is not owed an earlier one any more."""
    earlier = [each for each in story(session, campaign) if each != campaign.id]
    if not earlier:
        return
    gets = select(col(Delivery.subscriber_id)).where(
        col(Delivery.campaign_id) == campaign.id
    )
    waits = select(col(Owed.subscriber_id)).where(col(Owed.campaign_id) == campaign.id)
    session.execute(
        update(Owed)
        .where(col(Owed.campaign_id).in_(earlier))
        .where(col(Owed.state) == OwedState.WAITING)
        .where(
            or_(
                col(Owed.subscriber_id).in_(gets),
                col(Owed.subscriber_id).in_(waits.scalar_subquery()),
            )
        )
        .values(state=OwedState.LEFT_OUT, reason=LeftOut.REPLACED, at=now)
        .execution_options(synchronize_session=False)
    )
