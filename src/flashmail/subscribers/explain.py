"""Why somebody gets a mail or does not: one stated reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from flashmail.addresses import parse_address
from flashmail.audience.segment import Segment
from flashmail.audience.selection import bringing_ids, frequencies
from flashmail.audience.timing import (
    CAME_TO_NOTHING,
    CAP_HOURS,
    TimingContext,
    frequency_order,
    timing_of,
)
from flashmail.audience.topics import TopicTree, lineage
from flashmail.model import (
    Campaign,
    Delivery,
    DeliveryPreferences,
    Frequency,
    Subscriber,
    SubscriberStatus,
    Subscription,
    Suppression,
    Timing,
    Topic,
)


def timing_context_of(
    session: Session,
    person: Subscriber,
    segment: Segment,
    *,
    urgent: bool,
    now: datetime,
) -> TimingContext | None:
    """Return a reader's habits as to what goes to a segment; None if nothing follows.

    A member of the segment that follows no topic reads it at once.
    """
    assert person.id is not None
    frequency = Frequency.INSTANT
    if segment.bringing:
        following = (
            select(Subscription.frequency)
            .where(Subscription.subscriber_id == person.id)
            .where(
                col(Subscription.topic_id).in_(bringing_ids(session, segment.bringing))
            )
        )
        found = set(session.exec(following))
        if not found:
            return None
        frequency = next(
            each for each in frequency_order(urgent=urgent) if each in found
        )
    preferences = session.get(DeliveryPreferences, person.id) or DeliveryPreferences(
        subscriber_id=person.id
    )
    return TimingContext(
        frequency,
        person.time_zone,
        preferences.paused_until,
        preferences.quiet_hours,
        preferences.daily_limit,
        preferences.urgent_overrides,
        0 if preferences.daily_limit is None else _lately(session, person.id, now),
    )


def _lately(session: Session, subscriber_id: int, now: datetime) -> int:
    """Return how many mails a reader was sent within the hours that a limit counts."""
    since = now - timedelta(hours=CAP_HOURS)
    counted = (
        select(func.count())
        .select_from(Delivery)
        .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
        .where(col(Delivery.subscriber_id) == subscriber_id)
        .where(col(Delivery.state).not_in(CAME_TO_NOTHING))
        .where(col(Campaign.started_at) > since)
    )
    return session.exec(counted).one()


#: How a brief comes that does not come at once.
PATHS = {
    Timing.DAILY: "comes with the next daily digest",
    Timing.WEEKLY: "comes with the next weekly digest",
    Timing.HELD: "comes when the quiet hours are over",
    Timing.CAPPED: "is over the day's limit, so it comes with the next daily digest",
}


@dataclass(frozen=True)
class Explanation:
    """Whether somebody is in an audience, and why, in words for a person.

    `slower` says that only the frequency keeps somebody from getting it at once.
    """

    included: bool
    words: str
    slower: bool = False
    path: Timing | None = None  # by which it comes, where that was asked


def explain(
    session: Session,
    address: str,
    segment: Segment,
    *,
    urgent: bool = False,
    now: datetime | None = None,
) -> Explanation:
    """Say why an address would or would not get what goes to a segment now.

    The first reason that applies is stated, in the order in which `select` looks. With
    the time, it is also said whether it comes at once or by which other path.
    """
    key = parse_address(address.strip()).key
    person = session.exec(select(Subscriber).where(Subscriber.key == key)).first()
    suppressed = session.get(Suppression, key)
    if person is not None and person.status is not SubscriberStatus.ACTIVE:
        return Explanation(False, f"is {person.status}")
    if suppressed is not None:
        since = f"{suppressed.since:%Y-%m-%d}"
        return Explanation(False, f"is suppressed since {since}: {suppressed.reason}")
    if person is None:
        return Explanation(False, "is no subscriber")
    follows = _follows(session, person)
    verdict = _judged(person, follows, lineage(session), segment, urgent)
    if now is None or not (verdict.included or verdict.slower):
        return verdict
    return _timed(session, person, verdict, segment, urgent=urgent, now=now)


def _timed(
    session: Session,
    person: Subscriber,
    verdict: Explanation,
    segment: Segment,
    *,
    urgent: bool,
    now: datetime,
) -> Explanation:
    """Return a verdict with the path by which a brief would come now."""
    habits = timing_context_of(session, person, segment, urgent=urgent, now=now)
    path = timing_of(habits, urgent=urgent, now=now) if habits else None
    if habits is None or path in (None, Timing.AT_ONCE):
        return verdict
    if path is Timing.NONE:
        until = f"{habits.paused_until:%Y-%m-%d}"
        return Explanation(False, f"rests until {until}")
    return Explanation(True, f"{verdict.words}; {PATHS[path]}", path=path)


def _follows(session: Session, person: Subscriber) -> dict[str, str]:
    """Return how often somebody wants to hear of each topic followed."""
    rows = session.exec(
        select(Topic.name, Subscription.frequency)
        .join(Subscription, col(Subscription.topic_id) == col(Topic.id))
        .where(Subscription.subscriber_id == person.id)
        .order_by(col(Topic.id))
    )
    return dict(rows.all())


def _judged(
    person: Subscriber,
    follows: dict[str, str],
    known: TopicTree,
    segment: Segment,
    urgent: bool,
) -> Explanation:
    tags = known.expand(follows)
    if segment.any and tags.isdisjoint(segment.any):
        return Explanation(False, f"follows none of {_listed(segment.any)}")
    if missing := [name for name in segment.all if name not in tags]:
        return Explanation(False, f"does not follow {_listed(missing)}")
    if unwanted := [name for name in segment.none if name in tags]:
        return Explanation(False, f"is left out as a reader of {_listed(unwanted)}")
    if not segment.includes(tags, attributes_of(person)):
        return Explanation(
            False, f"does not meet the condition: {segment.where or 'none'}"
        )
    bringing = {above for name in segment.bringing for above in known.up(name)}
    through = [name for name in follows if name in bringing]
    timely = [name for name in through if follows[name] in frequencies(urgent=urgent)]
    if timely:
        return Explanation(True, f"follows {_listed(timely)}")
    if segment.bringing:
        words = f"reads {_listed(through)} {follows[through[0]]}"
        return Explanation(False, words, slower=True)
    return Explanation(True, f"is in the segment {segment.name}".rstrip())


def attributes_of(person: Subscriber) -> dict[str, object]:
    """Return what a segment's condition can ask about somebody."""
    return {
        **person.attributes,
        "name": person.name,
        "domain": person.key.partition("@")[2],
        "language": person.language,
        "time_zone": person.time_zone,
    }


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names)
