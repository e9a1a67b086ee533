"""Long lists of campaigns and briefs: sorted by a column, searched, page by page."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, col, select

from flashmail.database import transaction
from flashmail.model import Campaign, CampaignStatus, Draft
from newsroom import written
from office import NOON, Office

#: More than a page; some stand the same, and some have no time yet.
MANY = 60
STATUSES = (CampaignStatus.SENT, CampaignStatus.DRAFT, CampaignStatus.SCHEDULED)
LATER = datetime.max.replace(tzinfo=NOON.tzinfo)


@pytest.fixture
def many(office: Office) -> Office:
    for number in range(MANY):
        office.draft(f"{'Storm' if number % 2 else 'calm'} {number % 7}")
    with transaction(office.engine) as session:
        for n, each in enumerate(session.exec(select(Campaign).order_by(ID))):
            each.status = STATUSES[n % 3]
            each.recipient_count = n % 5 * 100
            if each.status is not CampaignStatus.DRAFT:
                each.send_at = NOON + timedelta(hours=n * 7 % 20)
    return office


ID = col(Campaign.id)


def walked(client: TestClient, path: str) -> list[int]:
    """Return the numbers in a list, from its first page to its last and back again."""
    there, back, onward = [], [], path
    while onward:
        page = client.get(onward).text
        there += (rows := numbers(page))
        onward = neighbour(page, "next")
    back = rows
    while earlier := neighbour(page, "prev"):
        page = client.get(earlier).text
        back = numbers(page) + back
    assert back == there
    return there


def numbers(page: str) -> list[int]:
    return [
        int(n) for n in re.findall(r'class="subject"[^>]*><a href="/\w+/(\d+)"', page)
    ]


def neighbour(page: str, way: str) -> str:
    found = re.search(rf'rel="{way}" href="([^"]+)"', page)
    return unescape(found[1]) if found else ""


KEYS: dict[str, Callable[[Campaign], object]] = {
    "number": lambda each: each.id,
    "title": lambda each: each.subject.lower(),
    "status": lambda each: each.status,
    "when": lambda each: each.send_at or LATER,
    "recipients": lambda each: each.recipient_count,
}


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("name", KEYS)
def test_campaigns_are_sorted_by_each_column(
    client: TestClient, many: Office, name: str, down: bool
) -> None:
    with Session(many.engine) as session:
        known = {each.id: KEYS[name](each) for each in session.exec(select(Campaign))}

    found = walked(client, f"/campaigns?sort={'-' if down else ''}{name}")

    keys = [(known[each], each) for each in found]
    assert keys == sorted(keys, reverse=down)
    assert len(set(found)) == MANY


def test_a_sorted_list_keeps_its_search(client: TestClient, many: Office) -> None:
    found = walked(client, "/campaigns?q=storm&sort=title")

    assert len(found) == MANY // 2
    page = client.get("/campaigns?q=storm&status=sent&sort=title").text
    assert 'href="/campaigns?q=storm&amp;status=sent&amp;sort=-title"' in page
    assert 'aria-sort="ascending"' in page


@pytest.mark.parametrize("sort", ["-", "password", "' OR 1=1", "--title"])
def test_what_nothing_is_sorted_by_is_the_usual_order(
    client: TestClient, many: Office, sort: str
) -> None:
    assert walked(client, f"/campaigns?sort={sort}") == list(range(MANY, 0, -1))


@pytest.fixture
def drafts(office: Office) -> Office:
    for number in range(MANY):
        written(office, title=f"{'Storm' if number % 2 else 'calm'} {number % 7}")
    for _ in range(3):
        office.draft()
    with transaction(office.engine) as session:
        for n, each in enumerate(session.exec(select(Draft))):
            each.changed_at = NOON + timedelta(hours=n * 7 % 20)
        for made, of, status in ((1, 3, "sent"), (2, 5, "sent"), (3, 5, "cancelled")):
            campaign = session.get_one(Campaign, made)
            campaign.draft_id, campaign.status = of, CampaignStatus(status)
    return office


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("name", ["title", "changed"])
def test_briefs_are_sorted_by_each_column(
    client: TestClient, drafts: Office, name: str, down: bool
) -> None:
    keys = {"title": lambda d: d.title.lower(), "changed": lambda d: d.changed_at}
    with Session(drafts.engine) as session:
        known = {each.id: keys[name](each) for each in session.exec(select(Draft))}

    found = walked(client, f"/briefs?sort={'-' if down else ''}{name}")

    pairs = [(known[each], each) for each in found]
    assert pairs == sorted(pairs, reverse=down)
    assert len(set(found)) == MANY


def test_briefs_are_sorted_by_where_they_stand(
    client: TestClient, drafts: Office
) -> None:
    up = standing(client, "/briefs?sort=status")
    down = standing(client, "/briefs?sort=-status")

    assert (up[0], up[1]) == ("being written", "being written")
    assert down[:3] == ["sent", "cancelled", "being written"]
    assert walked(client, "/briefs?sort=-status")[:2] == [3, 5]


def standing(client: TestClient, path: str) -> list[str]:
    return re.findall(r'<span class="status [\w-]+">([^<]+)', client.get(path).text)
