"""Preferences: what a reader may choose, and what saving a choice changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from ipaddress import IPv4Address, ip_address, ip_network

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from flashmail.audience.timing import parse_quiet, zone_of, zones
from flashmail.errors import WrongInput
from flashmail.model import (
    Consent,
    ConsentKind,
    DeliveryPreferences,
    DigestItem,
    DigestItemState,
    Frequency,
    Subscriber,
    Subscription,
    Topic,
)


@dataclass(frozen=True)
class ConsentSource:
    """Where a word was given: the version of what was shown, the page, the network."""

    wording: str
    source: str
    network: str = ""


def network_of(host: str) -> str:
    """Return the first part of an address: of IPv4 24 bits, of IPv6 48."""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    bits = 24 if isinstance(address, IPv4Address) else 48
    return str(ip_network(f"{address}/{bits}", strict=False))


def agreed(
    session: Session,
    subscriber_id: int,
    kind: ConsentKind,
    where: ConsentSource,
    *,
    now: datetime,
    **detail: object,
) -> None:
    """Add to the ledger what somebody has just agreed to, or taken back."""
    session.add(
        Consent(
            subscriber_id=subscriber_id,
            kind=kind,
            at=now,
            wording=where.wording,
            source=where.source,
            network=where.network,
            detail=detail,
        )
    )


#: Begins the name of each topic's field in a form; its number follows.
TOPIC = "topic-"

#: The version of what the preference page says of tracking and topics.
WORDING = "preferences 1"

LARGEST_CAP = 100

LONGEST_LANGUAGE = 20


@dataclass(frozen=True)
class TopicChoice:
    """A topic on the preference page; `depth` says how far under others it stands.

    `often` is the frequency at which it is followed, empty where it is not.
    """

    topic_id: int
    name: str
    depth: int
    often: str

    @property
    def field(self) -> str:
        return f"{TOPIC}{self.topic_id}"


def choices(session: Session, subscriber_id: int | None) -> list[TopicChoice]:
    """Return what a reader can follow, parents before their children.

    Private topics are offered to their followers only, retired ones not at all.
    """
    topics = {topic.id: topic for topic in session.exec(select(Topic))}
    followed = _followed(session, subscriber_id) if subscriber_id else {}
    offered = [
        (_path(topics, topic), topic)
        for topic in topics.values()
        if not topic.retired and (not topic.private or topic.id in followed)
    ]
    return [
        TopicChoice(
            topic.id or 0, topic.name, len(path) - 1, followed.get(topic.id or 0, "")
        )
        for path, topic in sorted(offered, key=lambda each: each[0])
    ]


def wishes(session: Session, person: Subscriber) -> dict[str, str]:
    """Return all that the preference page asks besides topics, as its form has it."""
    assert person.id is not None
    preferences = session.get(DeliveryPreferences, person.id) or DeliveryPreferences(
        subscriber_id=person.id
    )
    begin, _, end = preferences.quiet_hours.partition("-")
    return {
        "pause": _day(preferences.paused_until, person.time_zone),
        "quiet_from": begin,
        "quiet_to": end,
        "cap": "" if preferences.daily_limit is None else str(preferences.daily_limit),
        "urgent": "yes" if preferences.urgent_overrides else "",
        "zone": person.time_zone,
        "language": person.language,
        "tracking": {True: "yes", False: "no", None: ""}[person.tracking_consent],
    }


def choose(
    session: Session,
    subscriber_id: int,
    changes: Mapping[str, str],
    *,
    where: ConsentSource,
    now: datetime,
) -> None:
    """Do what a reader changed on the page, and nothing else.

    `changes` are the fields with another value than was shown. Raises
    WrongInput for a value that cannot be; then nothing is changed.
    """
    person = session.get_one(Subscriber, subscriber_id)
    offered = {each.field: each for each in choices(session, subscriber_id)}
    topics = {
        offered[name].topic_id: often
        for name, often in changes.items()
        if name in offered
    }
    _follow(session, subscriber_id, topics)
    _live(person, changes)
    _rest(session, person, changes)
    session.add(person)
    if topics:
        names = {
            each.name: changes[each.field]
            for each in offered.values()
            if each.field in changes
        }
        agreed(session, subscriber_id, ConsentKind.TOPICS, where, now=now, **names)
    if "tracking" in changes:
        answer = changes["tracking"] or "not said"
        agreed(
            session, subscriber_id, ConsentKind.TRACKING, where, now=now, answer=answer
        )
    _reset_edition(session, subscriber_id)
    session.flush()


def unfollow(
    session: Session,
    subscriber_id: int,
    topic_ids: Iterable[int],
    *,
    where: ConsentSource,
    now: datetime,
) -> None:
    """Let a reader follow these topics no longer."""
    gone = dict.fromkeys(topic_ids, "")
    _follow(session, subscriber_id, gone)
    topics = sorted(gone)
    agreed(
        session, subscriber_id, ConsentKind.TOPICS, where, now=now, unfollowed=topics
    )


def _follow(session: Session, subscriber_id: int, topics: Mapping[int, str]) -> None:
    gone = [topic_id for topic_id, often in topics.items() if not often]
    session.execute(
        delete(Subscription)
        .where(col(Subscription.subscriber_id) == subscriber_id)
        .where(col(Subscription.topic_id).in_(gone))
    )
    for topic_id, often in topics.items():
        if often:
            session.merge(
                Subscription(
                    subscriber_id=subscriber_id,
                    topic_id=topic_id,
                    frequency=_frequency(often),
                )
            )


def _frequency(often: str) -> Frequency:
    try:
        return Frequency(often)
    except ValueError:
        raise WrongInput(f"{often!r} does not say how often") from None


def _live(person: Subscriber, changes: Mapping[str, str]) -> None:
    """Take over where a reader lives, the language, and the word on tracking."""
    zone = changes.get("zone", person.time_zone).strip()
    if zone and zone not in zones():
        raise WrongInput(f"there is no time zone {zone[:40]!r}; one is Europe/Paris")
    language = changes.get("language", person.language).strip()
    if len(language) > LONGEST_LANGUAGE:
        raise WrongInput("a language is written as in en or pt-BR")
    person.time_zone, person.language = zone, language
    if "tracking" in changes:
        answers = {"yes": True, "no": False}
        person.tracking_consent = answers.get(changes["tracking"])


def _rest(session: Session, person: Subscriber, changes: Mapping[str, str]) -> None:
    """Take over when a reader wants to be left alone."""
    before = wishes(session, person)
    asked = {name: changes.get(name, value).strip() for name, value in before.items()}
    assert person.id is not None
    preferences = session.get(DeliveryPreferences, person.id) or DeliveryPreferences(
        subscriber_id=person.id
    )
    if "pause" in changes:
        preferences.paused_until = _morning(asked["pause"], person.time_zone)
    preferences.quiet_hours = _quiet(asked["quiet_from"], asked["quiet_to"])
    preferences.daily_limit = _cap(asked["cap"])
    preferences.urgent_overrides = asked["urgent"] == "yes"
    empty = DeliveryPreferences(subscriber_id=person.id)
    if preferences.model_dump() != empty.model_dump():
        session.add(preferences)
    elif preferences in session:
        session.delete(preferences)


def _quiet(begin: str, end: str) -> str:
    if not begin and not end:
        return ""
    hours = f"{begin}-{end}"
    parse_quiet(hours)
    return hours


def _cap(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or int(text) > LARGEST_CAP:
        raise WrongInput(f"the most briefs in a day is a number up to {LARGEST_CAP}")
    return int(text)


def _morning(text: str, zone: str) -> datetime | None:
    """Return the beginning of a day where a reader lives."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise WrongInput(f"{text[:20]!r} is no day, as 2027-03-01 is") from None
    return datetime.combine(day, time(), tzinfo=zone_of(zone)).astimezone(UTC)


def _day(moment: datetime | None, zone: str) -> str:
    return moment.astimezone(zone_of(zone)).date().isoformat() if moment else ""


def _reset_edition(session: Session, subscriber_id: int) -> None:
    """Let what waits for this reader find its moment anew; see `digests.schedules`."""
    session.execute(
        update(DigestItem)
        .where(col(DigestItem.subscriber_id) == subscriber_id)
        .where(col(DigestItem.state) == DigestItemState.WAITING)
        .values(edition_id=None)
        .execution_options(synchronize_session=False)
    )


def _followed(session: Session, subscriber_id: int) -> dict[int, str]:
    rows = session.exec(
        select(Subscription.topic_id, Subscription.frequency).where(
            Subscription.subscriber_id == subscriber_id
        )
    )
    return {topic_id: Frequency(often).value for topic_id, often in rows}


def _path(topics: Mapping[int | None, Topic], topic: Topic) -> tuple[str, ...]:
    parent = topics.get(topic.parent_id) if topic.parent_id else None
    above = _path(topics, parent) if parent else ()
    return (*above, topic.name.casefold())
