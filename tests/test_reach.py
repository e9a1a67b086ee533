"""Reach: which briefs somebody limited to topics opens, changes and sends."""

import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from flashmail.model import AuditEntry, Campaign, Draft, DraftVersion, Role, Staff
from flashmail.staff.permissions import may_open
from newsroom import DRAFT, enter, hire, rewritten, written
from office import NOON, Office
from test_rights import staff

IRAN, PAKISTAN, UNTAGGED, OWN = 1, 2, 3, 4

ABOUT_PAKISTAN = DRAFT.replace("- Iran", "- Pakistan")
WITHOUT_TOPICS = DRAFT.replace("topics:\n- Iran\n", "")


@pytest.mark.parametrize(
    ("topics", "made", "opens"),
    [
        (["Iran"], "Boris <boris@example.org>", True),
        (["Iran", "Pakistan"], "Boris <boris@example.org>", True),
        ([], "Boris <boris@example.org>", True),
        (["Pakistan"], "Boris <boris@example.org>", False),
        (["Pakistan"], "Edna Lee <edna@example.org>", True),
    ],
)
def test_what_somebody_limited_opens(topics: list[str], made: str, opens: bool) -> None:
    assert may_open(staff(Role.EDITOR, "Iran"), topics, made=made) is opens
    assert may_open(staff(Role.VIEWER, "Iran"), topics, made=made) is opens
    assert may_open(staff(Role.ADMIN, "Iran"), topics, made=made)
    assert may_open(staff(Role.EDITOR), topics, made=made)
    assert may_open(None, topics, made=made)


@pytest.fixture
def ira(client: TestClient, office: Office) -> Staff:
    """Ira writes about Iran and sits at the browser; others wrote three briefs."""
    office.topic("Pakistan")
    written(office, title="Talks")
    written(office, text=ABOUT_PAKISTAN, title="Floods")
    written(office, text=WITHOUT_TOPICS, title="Storm")
    who = hire(office, "Ira", Role.EDITOR, "Iran")
    written(office, who, text=ABOUT_PAKISTAN, title="Mine")
    enter(client, office, who)
    return who


def titles(client: TestClient, path: str = "/briefs") -> list[str]:
    return re.findall(r'<a href="/briefs/\d+">([^<]*)</a>', client.get(path).text)


def save(client: TestClient, number: int, text: str, way: str = "") -> tuple[int, str]:
    """Save a text from the editor's page; return how that is answered."""
    data = {"revision": "1", "view": "markdown", "markdown": text, "screen": "x"}
    answer = client.post(f"/briefs/{number}{way}", data=data)
    return answer.status_code, answer.text


def about(office: Office, number: int) -> list[str]:
    found: Draft = office.get(Draft, number)
    return found.topics


def test_the_list_has_theirs_those_without_a_topic_and_their_own(
    client: TestClient, ira: Staff
) -> None:
    assert sorted(titles(client)) == ["Mine", "Storm", "Talks"]
    assert sorted(titles(client, "/briefs?q=ministers")) == ["Mine", "Storm", "Talks"]


def test_a_brief_about_something_else_is_not_there(
    client: TestClient, office: Office, ira: Staff
) -> None:
    for page in ("", "/versions", "/versions/1", "/preview", "/findings"):
        assert client.get(f"/briefs/{PAKISTAN}{page}").status_code == 404
    assert save(client, PAKISTAN, DRAFT)[0] == 404
    for deed in ("/discard", "/take-out", "/versions/1", "/typed"):
        assert client.post(f"/briefs/{PAKISTAN}{deed}").status_code == 404
    assert about(office, PAKISTAN) == ["Pakistan"]


def test_it_becomes_no_campaign_and_no_correction(
    client: TestClient, office: Office, ira: Staff
) -> None:
    office.subscribe("Anne", "Iran")
    office.schedule("Talks End", "Iran")
    office.send_all()

    assert client.get(f"/campaigns/new?draft={PAKISTAN}").status_code == 403
    data = {"draft": str(PAKISTAN), "revision": "1"}
    assert client.post("/campaigns", data=data).status_code == 403
    assert f'value="{PAKISTAN}:1"' not in client.get("/campaigns/1/correct").text
    data = {"draft": f"{PAKISTAN}:1", "words": "It was Tuesday."}
    assert client.post("/campaigns/1/correct", data=data).status_code == 403


@pytest.mark.parametrize("way", ["", "/typed"])
def test_nobody_saves_a_brief_out_of_their_own_reach(
    client: TestClient, office: Office, ira: Staff, way: str
) -> None:
    status, text = save(client, UNTAGGED, ABOUT_PAKISTAN, way)

    assert status == (200 if way else 422)
    assert "Pakistan is not for you" in text
    assert about(office, UNTAGGED) == []
    assert save(client, UNTAGGED, DRAFT, way)[0] == (200 if way else 303)
    assert about(office, UNTAGGED) == ["Iran"]


def test_nor_by_an_earlier_version(
    client: TestClient, office: Office, ira: Staff
) -> None:
    rewritten(office, UNTAGGED, ABOUT_PAKISTAN)
    rewritten(office, UNTAGGED, WITHOUT_TOPICS)

    answer = client.post(f"/briefs/{UNTAGGED}/versions/2", data={"revision": "3"})

    assert answer.status_code == 403
    assert office.get(Draft, UNTAGGED).markdown == WITHOUT_TOPICS


def test_what_one_began_stays_ones_own(
    client: TestClient, office: Office, ira: Staff
) -> None:
    assert save(client, OWN, ABOUT_PAKISTAN.replace("Monday", "Tuesday"))[0] == 303
    assert save(client, UNTAGGED, WITHOUT_TOPICS)[0] == 303


def test_a_brief_that_is_none_for_a_moment_keeps_its_topics(
    client: TestClient, office: Office, ira: Staff
) -> None:
    assert save(client, IRAN, "---\ntitle: [\n---\n")[0] == 303

    assert about(office, IRAN) == ["Iran"]


def test_other_topics_stand_in_the_log(
    client: TestClient, office: Office, ira: Staff
) -> None:
    save(client, UNTAGGED, DRAFT)

    with Session(office.engine) as session:
        saved = select(AuditEntry).where(AuditEntry.action == "save")
        assert session.exec(saved).one().detail["topics"] == ["Iran"]


def test_a_campaign_does_not_follow_its_brief_out_of_reach(
    client: TestClient, office: Office, ira: Staff
) -> None:
    client.post("/campaigns", data={"draft": str(IRAN), "revision": "1"})
    rewritten(office, IRAN, DRAFT.replace("- Iran", "- Iran\n- Pakistan"))

    assert client.post("/campaigns/1/renew").status_code == 403

    assert office.get(Campaign, 1).topics == ["Iran"]
    assert office.get(Campaign, 1).draft_version == 1
    assert office.get(DraftVersion, (IRAN, 2)) is not None


@pytest.mark.parametrize("path", ["/", "/overview/live"])
def test_the_overview_has_the_campaigns_that_one_may_see(
    client: TestClient, office: Office, ira: Staff, path: str
) -> None:
    for topic in ("Iran", "Pakistan"):
        office.subscribe(f"Reader of {topic}", topic)
        office.schedule(f"{topic} sent", topic)
        office.send_all()
        office.draft(f"{topic} waits", topic)
        office.schedule(f"{topic} comes", topic, at=NOON + timedelta(days=1))

    page = client.get(path).text

    for what in ("sent", "waits", "comes"):
        assert f"Iran {what}" in page
        assert f"Pakistan {what}" not in page
