"""Topics: the file says what there is, and the table follows it."""

from pathlib import Path

import pytest
from sqlmodel import select

from flashmail.audience.topics import TopicTree, lineage, parse_topics, sync_topics
from flashmail.database import reading, transaction
from flashmail.errors import WrongInput
from flashmail.model import Subscription, Topic
from office import Office

FILE = Path(__file__).parents[1] / "subscribers" / "topics.toml"

IRAN = """
[[topic]]
name = "Iran"

[[topic]]
name = "Iran Politics and Economy"
parent = "Iran"
slug = "iran-economy"
"""


def sync(office: Office, text: str) -> dict[str, Topic]:
    with transaction(office.engine) as session:
        sync_topics(session, parse_topics(text))
    with reading(office.engine) as session:
        return {topic.slug: topic for topic in session.exec(select(Topic))}


def test_the_projects_own_topics_can_be_read() -> None:
    topics = parse_topics(FILE.read_text())

    assert [topic.name for topic in topics if topic.parent == "Iran"] == [
        "Iran Politics and Economy",
        "Iran Global Threat Network",
    ]
    assert {topic.slug for topic in topics} > {"iran", "iran-global-threat-network"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[topic]]\nname = Iran", r"this is no TOML: .*line 2"),
        ("[[topic]]\nslug = 'x'", "topic 1 has no name"),
        ("[[topic]]\nname = ' '", "topic 1 has no name"),
        ("[[topic]]\nname = 5", "topic 1 has no name"),
        ("[topic]\nname = 'Iran'", "double brackets"),
        ("[[topics]]\nname = 'Iran'", "'topics' means nothing"),
        ("[[topic]]\nname = 'Iran'\nparents = 'x'", "topic 'Iran': 'parents' means"),
        ("[[topic]]\nname = 'Iran'\nparent = 1", "topic 'Iran': parent is a text"),
        ("[[topic]]\nname = 'Iran'\nprivate = 'yes'", "private is true or false"),
        ("[[topic]]\nname = 'Iran'\nparent = 'Asia'", "no topic 'Asia' to be its"),
        ("[[topic]]\nname = 'Iran'\nparent = 'Iran'", "in a circle"),
        ("[[topic]]\nname = 'Iran'\n[[topic]]\nname = 'IRAN'", "two topics called"),
        ("[[topic]]\nname = 'A b'\n[[topic]]\nname = 'A-b'", "same slug 'a-b'"),
        ("[[topic]]\nname = 'A;b'", "a name has no ';'"),
        ("[[topic]]\nname = 'ایران'", "give it a slug"),
        ("[[topic]]\nname = 'Iran'\nslug = 'a/b'", "give it a slug"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, problem: str) -> None:
    with pytest.raises(WrongInput, match=problem):
        parse_topics(text)


def test_parents_in_a_circle_are_refused() -> None:
    a, b = "[[topic]]\nname='A'\nparent='B'\n", "[[topic]]\nname='B'\nparent='A'\n"

    with pytest.raises(WrongInput, match="circle"):
        parse_topics(a + b)


def test_a_follower_of_iran_gets_what_belongs_to_iran() -> None:
    family = TopicTree(
        {"Iran": "", "Economy": "Iran", "Oil": "Economy", "Pakistan": ""}
    )

    assert family.up("Oil") == ("Oil", "Economy", "Iran")
    assert set(family.down("Iran")) == {"Iran", "Economy", "Oil"}
    assert family.expand(["Economy", "Pakistan"]) == {"Economy", "Oil", "Pakistan"}


def test_the_table_follows_the_file(office: Office) -> None:
    topics = sync(office, IRAN)

    assert topics["iran-economy"].parent_id == topics["iran"].id
    with reading(office.engine) as session:
        assert lineage(session).parents == {
            "Iran": "",
            "Iran Politics and Economy": "Iran",
        }


def test_a_renamed_topic_keeps_its_followers(office: Office) -> None:
    before = sync(office, IRAN)["iran-economy"]
    office.subscribe("Anne", "Iran Politics and Economy")

    renamed = sync(office, IRAN.replace("Politics and Economy", "Business"))

    assert renamed["iran-economy"].name == "Iran Business"
    assert renamed["iran-economy"].id == before.id
    with reading(office.engine) as session:
        assert session.exec(select(Subscription.topic_id)).all() == [before.id]


def test_a_topic_may_get_another_slug(office: Office) -> None:
    before = sync(office, IRAN)["iran-economy"]

    after = sync(office, IRAN.replace("iran-economy", "economy"))

    assert after["economy"].id == before.id


def test_two_topics_may_swap_names(office: Office) -> None:
    one = "[[topic]]\nname='A'\nslug='a'\n[[topic]]\nname='B'\nslug='b'\n"
    sync(office, one)

    swapped = sync(
        office, one.replace("'A'", "'x'").replace("'B'", "'A'").replace("'x'", "'B'")
    )

    assert (swapped["a"].name, swapped["b"].name) == ("B", "A")


def test_a_topic_that_left_the_file_is_retired_and_may_come_back(
    office: Office,
) -> None:
    sync(office, IRAN)

    assert sync(office, '[[topic]]\nname = "Iran"')["iran-economy"].retired
    assert not sync(office, IRAN)["iran-economy"].retired


def test_a_retired_topics_name_is_not_given_away(office: Office) -> None:
    sync(office, "[[topic]]\nname='A'\nslug='a'\n[[topic]]\nname='B'\nslug='b'\n")

    with pytest.raises(WrongInput, match="was there before with the slug 'b'"):
        sync(office, "[[topic]]\nname='B'\nslug='a'\n")
