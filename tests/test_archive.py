"""The archive: what was sent to everybody, to be read by anybody."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from flashmail import briefs
from flashmail.briefs import Brief, Quote, Section, SectionKind
from flashmail.campaigns import briefs as stored
from flashmail.database import transaction
from flashmail.model import AmendmentKind, Campaign, CampaignStatus, StoredBrief
from flashmail.review.correction import CorrectionRequest, correct
from office import NOON, PRESS, Office

ATOM = "{http://www.w3.org/2005/Atom}"


def publish(
    office: Office,
    title: str,
    *topics: str,
    corrects: int | None = None,
    amends: AmendmentKind | None = None,
    **fields: Any,
) -> int:
    """Have a brief sent; return its campaign's number."""
    brief = Brief(
        title,
        NOON.date(),
        sections=(
            Section(
                "Latest Developments",
                SectionKind.LATEST,
                ("The port opened **again** on Monday. Ships wait.",),
            ),
        ),
        quotes=(Quote("It matters.", "Jane Doe", "Senior Fellow"),),
        topics=topics or ("Iran",),
    )
    campaign_id = office.draft(title, *(topics or ("Iran",)))
    with transaction(office.engine) as session:
        markdown = briefs.write_markdown(brief)
        brief_id = stored.store_brief(session, title, "", markdown, now=office.now)
        campaign = session.get_one(Campaign, campaign_id)
        campaign.brief_id, campaign.amends_id = brief_id, corrects
        campaign.amendment_kind, campaign.started_at = amends, office.now
        campaign.status = CampaignStatus.SENT
        for name, value in fields.items():
            setattr(campaign, name, value)
    return campaign_id


@pytest.fixture
def press_room(office: Office) -> Office:
    """Two briefs were sent."""
    office.topic("Iran")
    office.topic("Economy", "Iran")
    office.topic("Donors", private=True)
    publish(office, "A Port Reopens", "Iran")
    office.later(hours=1)
    publish(office, "Oil & Water", "Economy")
    return office


def test_the_latest_come_first_and_each_keeps_its_address(
    client: TestClient, press_room: Office
) -> None:
    text = client.get("/archive").text

    assert text.index("Oil &amp; Water") < text.index("A Port Reopens")
    assert 'href="/archive/1/a-port-reopens"' in text
    moved = client.get("/archive/1/another-title")
    assert moved.headers["location"] == "/archive/1/a-port-reopens"


def test_a_brief_is_shown_whole(client: TestClient, press_room: Office) -> None:
    answer = client.get("/archive/1/a-port-reopens")

    for part in ("<strong>again</strong>", "It matters.", "Jane Doe", "Senior Fellow"):
        assert part in answer.text
    assert '<meta property="og:title" content="A Port Reopens">' in answer.text
    assert answer.headers["x-robots-tag"] == "all"
    assert "public" in answer.headers["cache-control"]


def test_topics_and_people_have_pages(client: TestClient, press_room: Office) -> None:
    iran = client.get("/archive/topics/iran").text
    economy = client.get("/archive/topics/economy").text

    assert "A Port Reopens" in iran
    assert "Oil &amp; Water" in iran
    assert "A Port Reopens" not in economy
    assert "A Port Reopens" in client.get("/archive/people/jane-doe").text


def test_what_is_private_is_nowhere(client: TestClient, press_room: Office) -> None:
    publish(press_room, "For Donors", "Donors", "Iran")
    publish(
        press_room, "By a Rule", "Iran", audience={"any": ["Donors"], "name": "rule"}
    )

    for path in PATHS:
        text = client.get(path).text
        assert "Donors" not in text, path
        assert "By a Rule" not in text, path
    assert client.get("/archive/3/for-donors").status_code == 404
    assert client.get("/archive/topics/donors").status_code == 404


def test_what_is_under_embargo_is_nowhere(
    client: TestClient, press_room: Office
) -> None:
    with transaction(press_room.engine) as session:
        stored = session.exec(select(StoredBrief).where(StoredBrief.id == 1)).one()
        stored.embargo_until = datetime.now(UTC) + timedelta(hours=1)

    for path in PATHS:
        assert "A Port Reopens" not in client.get(path).text, path
    assert client.get("/archive/1/a-port-reopens").status_code == 404


def test_what_was_not_sent_is_nowhere(client: TestClient, press_room: Office) -> None:
    publish(press_room, "A Draft", "Iran", status=CampaignStatus.DRAFT)
    publish(press_room, "Cancelled", "Iran", status=CampaignStatus.CANCELLED)

    text = client.get("/archive").text
    assert "A Draft" not in text
    assert "Cancelled" not in text


def test_a_correction_stays_at_its_address_and_says_when(
    client: TestClient, press_room: Office
) -> None:
    press_room.later(hours=1)
    publish(
        press_room, "A Port Stays Shut", "Iran", corrects=1, amends=AmendmentKind.REST
    )
    publish(
        press_room,
        "A Port Stays Shut",
        "Iran",
        corrects=1,
        amends=AmendmentKind.CORRECTION,
    )

    text = client.get("/archive/1/a-port-stays-shut").text

    assert "A Port Stays Shut" in text
    assert text.count("Corrected on") == 1
    assert "2 March 2026, 14:00 UTC" in text
    assert "A Port Reopens" not in client.get("/archive").text


def test_a_correction_says_what_was_put_right(
    client: TestClient, press_room: Office
) -> None:
    for hour, words in ((2, "It is *shut*.\n\n- Since Monday"), (3, "Since Tuesday.")):
        press_room.now = NOON.replace(hour=12 + hour)
        amended: dict[str, Any] = {"corrects": 1, "amendment_text": words}
        title = f"A Port Stays Shut {hour}"
        publish(press_room, title, amends=AmendmentKind.REST, **amended)
        press_room.later(minutes=5)
        publish(press_room, title, amends=AmendmentKind.CORRECTION, **amended)

    text = client.get("/archive/1/a-port-stays-shut-3").text
    first, second = text.split("Corrected on")[1:]

    assert "2 March 2026, 14:00 UTC" in first
    assert "It is <em>shut</em>." in first
    assert "<li>Since Monday</li>" in first
    assert "2 March 2026, 15:00 UTC" in second
    assert "Since Tuesday." in second
    feed = ElementTree.fromstring(client.get("/archive/feed.atom").text)
    [entry] = [
        each
        for each in feed.iter(f"{ATOM}entry")
        if "Shut" in str(each.findtext(f"{ATOM}title"))
    ]
    assert entry.findtext(f"{ATOM}published") == "2026-03-02T12:00:00+00:00"
    assert entry.findtext(f"{ATOM}updated") == "2026-03-02T15:05:00+00:00"
    assert "Since Tuesday." in str(entry.findtext(f"{ATOM}content"))
    item = json.loads(client.get("/archive/feed.json").text)["items"][1]
    assert item["date_modified"] == "2026-03-02T15:05:00+00:00"
    assert "Since Tuesday." in item["content_html"]


def test_words_of_a_correction_are_no_html(
    client: TestClient, press_room: Office
) -> None:
    words = "<script>alert(1)</script>"
    how: dict[str, Any] = {
        "amends": AmendmentKind.CORRECTION,
        "corrects": 1,
        "amendment_text": words,
    }
    publish(press_room, "Shut", **how)
    assert "<script>alert" not in client.get("/archive/1/shut").text
    assert "<script>alert" not in client.get("/archive/feed.json").text


def test_what_was_put_right_is_what_readers_were_told(
    client: TestClient, press_room: Office
) -> None:
    fix = CorrectionRequest(
        briefs.read(press_room.get(StoredBrief, 1).markdown), "It was Tuesday."
    )
    made = correct(press_room.engine, PRESS, 1, fix, by="Edna", now=press_room.now)

    assert press_room.campaign(made.note).amendment_text == "It was Tuesday."


def test_a_brief_that_was_taken_back_says_why(
    client: TestClient, press_room: Office
) -> None:
    publish(
        press_room,
        "A Port Reopens",
        corrects=1,
        amends=AmendmentKind.RETRACTION,
        amendment_text="We had it from one source only.",
    )

    answer = client.get("/archive/1/a-port-reopens")

    assert answer.status_code == 410
    assert "This brief was taken back" in answer.text
    assert "We had it from one source only." in answer.text


def test_what_was_taken_back_says_so_and_no_more(
    client: TestClient, press_room: Office
) -> None:
    publish(
        press_room,
        "A Port Reopens",
        "Iran",
        corrects=1,
        amends=AmendmentKind.RETRACTION,
    )

    answer = client.get("/archive/1/a-port-reopens")

    assert answer.status_code == 410
    assert "opened" not in answer.text
    assert "A Port Reopens" not in client.get("/archive").text


def test_an_atom_feed_can_be_read(client: TestClient, press_room: Office) -> None:
    answer = client.get("/archive/feed.atom")
    feed = ElementTree.fromstring(answer.text)

    assert answer.headers["content-type"].startswith("application/atom+xml")
    titles = [each.text for each in feed.iter(f"{ATOM}title")]
    assert titles == ["Flash Briefs", "Oil & Water", "A Port Reopens"]
    content = feed.find(f"{ATOM}entry/{ATOM}content")
    assert content is not None
    assert "<strong>again</strong>" in (content.text or "")


def test_a_json_feed_can_be_read(client: TestClient, press_room: Office) -> None:
    feed = json.loads(client.get("/archive/topics/economy/feed.json").text)

    [item] = feed["items"]
    assert (item["title"], item["tags"]) == ("Oil & Water", ["Economy"])
    assert item["authors"] == [{"name": "Jane Doe"}]
    assert "<strong>again</strong>" in item["content_html"]


def test_robots_find_what_there_is(client: TestClient, press_room: Office) -> None:
    places = ElementTree.fromstring(client.get("/archive/sitemap.xml").text)

    paths = [urlsplit(str(each[0].text)).path for each in places]
    assert "/archive/1/a-port-reopens" in paths
    assert "/archive/people/jane-doe" in paths
    assert "Disallow: /" in client.get("/robots.txt").text
    assert client.get("/sign-in").headers["x-robots-tag"] == "noindex"


def test_what_did_not_change_is_not_sent_again(
    client: TestClient, press_room: Office
) -> None:
    tag = client.get("/archive").headers["etag"]

    again = client.get("/archive", headers={"If-None-Match": tag})

    assert (again.status_code, again.content) == (304, b"")


def test_many_briefs_are_shown_page_by_page(
    client: TestClient, press_room: Office
) -> None:
    for n in range(30):
        publish(press_room, f"Brief {n:02}", "Iran")

    first = client.get("/archive").text
    [cursor] = [part.partition('"')[0] for part in first.split("?before=")[1:]]
    second = client.get(f"/archive?before={cursor}").text

    assert "Brief 29" in first
    assert "Brief 29" not in second
    assert "A Port Reopens" in second


PATHS = (
    "/archive",
    "/archive/feed.atom",
    "/archive/feed.json",
    "/archive/topics/iran",
    "/archive/topics/iran/feed.atom",
    "/archive/people/jane-doe",
    "/archive/sitemap.xml",
)
