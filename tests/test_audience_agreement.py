"""A segment means the same people in Python and in the database."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from examples import examples
from flashmail.audience.condition import COLUMNS
from flashmail.audience.segment import Segment
from flashmail.audience.selection import audience_query
from flashmail.audience.topics import lineage, topic_ids
from flashmail.database import reading, transaction
from flashmail.model import Subscriber, Subscription
from flashmail.subscribers.explain import attributes_of, explain
from office import Office

TOPICS = {"Iran": "", "Economy": "Iran", "Oil": "Economy", "Pakistan": ""}

TEXTS = [
    "",
    "a",
    "A",
    "Á",
    "á",
    "ß",
    "SS",
    "a_b",
    "a%b",
    "a/b",
    "Z",
    "z",
    "10",
    "9",
    "日",
]

PEOPLE: list[dict[str, Any]] = [
    {"name": "Anne", "attributes": {"team": text, "desk": TEXTS[-place]}}
    for place, text in enumerate(TEXTS, start=1)
] + [
    {"name": "", "language": "en", "attributes": {}},
    {"name": "Ärger", "language": "de", "attributes": {"team": 10, "desk": None}},
    {"name": "a", "time_zone": "Europe/Berlin", "attributes": {'"': "x", "team": '"'}},
]

FOLLOWS = [(), ("Iran",), ("Economy",), ("Oil", "Pakistan"), ("Pakistan",)]


@pytest.fixture
def crowd(office: Office) -> Office:
    """Every kind of person once for each way of following."""
    for name, parent in TOPICS.items():
        office.topic(name, parent)
    for number, (person, topics) in enumerate(
        (person, topics) for person in PEOPLE for topics in FOLLOWS
    ):
        domain = ("example.org", "mail.example.com")[number % 2]
        with transaction(office.engine) as session:
            ids = topic_ids(session)
            key = f"reader.{number}@{domain}"
            reader = Subscriber(address=key, key=key, created_at=office.now, **person)
            session.add(reader)
            session.flush()
            assert reader.id is not None
            for name in topics:
                session.add(Subscription(subscriber_id=reader.id, topic_id=ids[name]))
    return office


def quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


LITERALS = st.sampled_from([*TEXTS, '"', "'", "example", "Europe"]).map(quoted)
FIELDS = st.sampled_from(["team", "desk", "nothing", *sorted(COLUMNS)])
COMPARISONS = st.one_of(
    st.builds(
        "{} {} {}".format,
        FIELDS,
        st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "contains", "not contains"]),
        LITERALS,
    ),
    st.builds(
        "{} {} ({})".format,
        FIELDS,
        st.sampled_from(["in", "not in"]),
        st.lists(LITERALS, min_size=1, max_size=3).map(", ".join),
    ),
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not {}".format, inner),
    ),
    max_leaves=5,
)
NAMES = st.lists(st.sampled_from(sorted(TOPICS)), max_size=2).map(tuple)
SEGMENTS = st.builds(
    Segment,
    any=NAMES,
    all=NAMES,
    none=NAMES,
    where=st.one_of(st.just(""), CONDITIONS),
)


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(segment=SEGMENTS)
def test_both_evaluations_mean_the_same_people(crowd: Office, segment: Segment) -> None:
    with reading(crowd.engine) as session:
        known = lineage(session)
        people = session.exec(select(Subscriber).order_by(col(Subscriber.id))).all()
        meant = {
            each.id
            for number, each in enumerate(people)
            if segment.includes(
                known.expand(FOLLOWS[number % len(FOLLOWS)]), attributes_of(each)
            )
        }
        assert set(session.scalars(audience_query(session, segment))) == meant


@settings(
    max_examples=examples(10),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(segment=SEGMENTS)
def test_a_reason_agrees_with_the_audience(crowd: Office, segment: Segment) -> None:
    with reading(crowd.engine) as session:
        meant = set(session.scalars(audience_query(session, segment)))
        for person in session.exec(select(Subscriber)).all():
            said = explain(session, person.address, segment)
            assert said.included == (person.id in meant), said
