"""The audience: who is meant, who is left alone, and the reason in each case."""

from typing import Any

import pytest
from sqlalchemy import func, insert, literal, select, update
from sqlmodel import col

from flashmail.audience.segment import Segment
from flashmail.audience.selection import UnknownTopic, audience_query, bringing, count
from flashmail.database import reading, transaction
from flashmail.model import (
    Delivery,
    DeliveryState,
    Frequency,
    Subscriber,
    SubscriberStatus,
    Subscription,
)
from flashmail.subscribers.explain import explain
from office import NOON, Office

IRAN, ECONOMY, PAKISTAN = "Iran", "Iran Politics and Economy", "Pakistan"


@pytest.fixture
def newsroom(office: Office) -> Office:
    """Anne follows Iran, Bart a part of it, Cleo both that and Pakistan."""
    office.topic(IRAN)
    office.topic(ECONOMY, IRAN)
    office.subscribe("Anne", IRAN, attributes={"country": "PK"})
    office.subscribe("Bart", ECONOMY, attributes={"country": "IR", "team": "a_b%"})
    office.subscribe("Cleo", ECONOMY, PAKISTAN, language="en")
    return office


def names(office: Office, segment: Segment, *, urgent: bool = False) -> list[str]:
    with reading(office.engine) as session:
        meant = audience_query(session, segment, urgent=urgent).subquery()
        people = select(col(Subscriber.name)).join(
            meant, meant.c[0] == col(Subscriber.id)
        )
        return sorted(session.scalars(people))


def reason(office: Office, name: str, segment: Segment, **how: Any) -> str:
    with reading(office.engine) as session:
        found = explain(session, f"{name.lower()}@example.org", segment, **how)
    assert found.included == (name in names(office, segment, **how))
    return found.words


def read_at(office: Office, name: str, frequency: Frequency) -> None:
    """Let somebody want all topics at another frequency."""
    with transaction(office.engine) as session:
        session.execute(
            update(Subscription)
            .where(
                col(Subscription.subscriber_id)
                == select(col(Subscriber.id))
                .where(col(Subscriber.name) == name)
                .scalar_subquery()
            )
            .values(frequency=frequency)
        )


def test_who_follows_iran_gets_what_belongs_to_iran(newsroom: Office) -> None:
    assert names(newsroom, Segment(any=(ECONOMY,))) == ["Anne", "Bart", "Cleo"]


def test_who_follows_a_part_does_not_get_the_whole(newsroom: Office) -> None:
    assert names(newsroom, Segment(any=(IRAN,))) == ["Anne"]


def test_each_person_gets_a_brief_once(newsroom: Office) -> None:
    newsroom.subscribe("Dora", IRAN, ECONOMY, PAKISTAN)

    everything = names(newsroom, Segment(any=(IRAN, ECONOMY, PAKISTAN)))

    assert everything == ["Anne", "Bart", "Cleo", "Dora"]


def test_all_and_none_narrow_it(newsroom: Office) -> None:
    assert names(newsroom, Segment(all=(ECONOMY, PAKISTAN))) == ["Cleo"]
    assert names(newsroom, Segment(any=(ECONOMY,), none=(PAKISTAN,))) == [
        "Anne",
        "Bart",
    ]
    assert names(newsroom, Segment(any=(PAKISTAN,), all=(ECONOMY,))) == ["Cleo"]
    assert names(newsroom, Segment(none=(IRAN,))) == ["Bart", "Cleo"]


def test_a_condition_narrows_it(newsroom: Office) -> None:
    assert names(newsroom, Segment(any=(ECONOMY,), where='country = "pk"')) == ["Anne"]
    assert names(newsroom, Segment(where='domain = "example.org"')) == [
        "Anne",
        "Bart",
        "Cleo",
    ]


def test_a_segment_that_says_nothing_mails_nobody(newsroom: Office) -> None:
    assert names(newsroom, Segment()) == []


@pytest.mark.parametrize("status", list(SubscriberStatus)[1:])
def test_only_active_people_get_mail(office: Office, status: SubscriberStatus) -> None:
    office.subscribe("Anne", IRAN, status=status)

    assert reason(office, "Anne", Segment(any=(IRAN,))) == f"is {status}"


def test_the_suppressed_get_no_mail(newsroom: Office) -> None:
    newsroom.suppress("Anne")

    said = reason(newsroom, "Anne", Segment(any=(IRAN,)))

    assert said == "is suppressed since 2026-03-02: unsubscribed"


def test_who_wants_a_digest_gets_no_single_brief(newsroom: Office) -> None:
    read_at(newsroom, "Anne", Frequency.DAILY)

    assert reason(newsroom, "Anne", Segment(any=(IRAN,))) == "reads Iran daily"
    assert names(newsroom, Segment(any=(IRAN,)), urgent=True) == []


def test_urgent_mail_also_reaches_who_wants_only_that(newsroom: Office) -> None:
    read_at(newsroom, "Anne", Frequency.URGENT)

    assert reason(newsroom, "Anne", Segment(any=(IRAN,))) == "reads Iran urgent only"
    assert reason(newsroom, "Anne", Segment(any=(IRAN,)), urgent=True) == "follows Iran"


@pytest.mark.parametrize(
    ("segment", "words"),
    [
        (Segment(any=(ECONOMY,)), "follows Iran Politics and Economy"),
        (Segment(any=(IRAN,)), "follows none of Iran"),
        (Segment(all=(ECONOMY, IRAN)), "does not follow Iran"),
        (
            Segment(any=(ECONOMY,), none=(ECONOMY,)),
            f"is left out as a reader of {ECONOMY}",
        ),
        (
            Segment(where='country = "PK"'),
            'does not meet the condition: country = "PK"',
        ),
        (Segment("Tehran", where='country = "IR"'), "is in the segment Tehran"),
    ],
)
def test_there_is_one_stated_reason(
    newsroom: Office, segment: Segment, words: str
) -> None:
    assert reason(newsroom, "Bart", segment) == words


def test_a_stranger_gets_nothing(newsroom: Office) -> None:
    assert reason(newsroom, "Zoe", Segment(any=(IRAN,))) == "is no subscriber"


def test_an_unknown_topic_is_an_error_and_not_an_empty_audience(office: Office) -> None:
    with pytest.raises(UnknownTopic, match="'Atlantis'"):
        names(office, Segment(any=("Atlantis",)))


def test_the_count_says_how_many_and_why_not(newsroom: Office) -> None:
    newsroom.subscribe("Dora", IRAN, status=SubscriberStatus.PAUSED)
    newsroom.subscribe("Emil", IRAN, status=SubscriberStatus.BOUNCED)
    newsroom.subscribe("Fay", IRAN)
    newsroom.suppress("Emil")
    newsroom.suppress("Fay")
    newsroom.subscribe("Gus", IRAN)
    read_at(newsroom, "Gus", Frequency.WEEKLY)

    with reading(newsroom.engine) as session:
        counted = count(session, Segment(any=(ECONOMY, PAKISTAN)))

    assert counted.as_json() == {
        "total": 3,
        "topics": {IRAN: 1, ECONOMY: 2, PAKISTAN: 1},
        "left_out": {
            "unsubscribed": 0,
            "bounced": 1,
            "complained": 0,
            "suppressed": 1,
            "paused": 1,
            "pending": 0,
            "digest readers": 1,
        },
    }


def test_the_count_without_topics(newsroom: Office) -> None:
    with reading(newsroom.engine) as session:
        counted = count(session, Segment(where='country != ""'))

    assert (counted.total, counted.topics) == (2, {})


def test_a_topic_brings_mail_to_those_who_follow_what_it_belongs_to(
    newsroom: Office,
) -> None:
    with reading(newsroom.engine) as session:
        assert bringing(session, [ECONOMY]) == {1: IRAN, 2: ECONOMY}


def test_an_audience_can_be_addressed_without_leaving_the_database(
    newsroom: Office,
) -> None:
    with transaction(newsroom.engine) as session:
        meant = audience_query(session, Segment(any=(IRAN, ECONOMY))).subquery()
        rows = select(
            literal(1),
            meant.c[0],
            literal(DeliveryState.QUEUED.value),
            literal(0),
            literal(""),
            literal(NOON),
        )
        session.execute(insert(Delivery).from_select(list(COLUMNS), rows))
        assert session.scalar(select(func.count()).select_from(Delivery)) == 3


COLUMNS = ("campaign_id", "subscriber_id", "state", "attempts", "reason", "state_since")
