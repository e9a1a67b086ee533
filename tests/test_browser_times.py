"""Moments in a real browser: in the reader's zone, and one can see which that is."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page

from office import Office

pytestmark = pytest.mark.browser

#: One in winter and one in summer: their names differ, and so do their hours.
WINTER = datetime(2099, 1, 15, 12, tzinfo=UTC)
SUMMER = datetime(2099, 7, 15, 12, tzinfo=UTC)


@pytest.fixture
def in_paris(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(timezone_id="Europe/Paris")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(
    ("moment", "hour", "name"),
    [
        (WINTER, "13:00", "Central European Standard Time"),
        (SUMMER, "14:00", "Central European Summer Time"),
    ],
)
def test_what_is_scheduled_says_its_zone_in_words(
    office: Office,
    house: str,
    in_paris: Page,
    moment: datetime,
    hour: str,
    name: str,
) -> None:
    office.schedule("Storm", at=moment)

    for path in ("/", "/campaigns", "/campaigns/1"):
        in_paris.goto(f"{house}{path}")
        shown = in_paris.locator("main time[data-zoned]").first
        assert f"{hour} {name}" in shown.inner_text(), path


def test_every_moment_says_its_zone_when_pointed_at(
    office: Office, house: str, in_paris: Page
) -> None:
    office.schedule("Storm", at=WINTER)
    in_paris.goto(f"{house}/campaigns/1")

    moments = in_paris.locator("main time").all()

    assert len(moments) > 2
    for each in moments:
        title = each.get_attribute("title") or ""
        assert "Central European" in title
        assert title.endswith("UTC")
        assert "UTC" not in each.inner_text()


def test_without_a_script_it_is_utc_and_says_so(
    office: Office, house: str, browser: Browser
) -> None:
    office.schedule("Storm", at=WINTER)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{house}/campaigns/1")

    assert "15 Jan 2099, 12:00 UTC" in page.inner_text("main")
    context.close()
