"""Writing in a real browser: on a phone, by keyboard, with another editor."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from chromium import DESK, PAYLOADS, barriers, fits
from flashmail.database import reading
from flashmail.drafts import versions
from flashmail.model import Draft
from office import Office
from test_writing import PASTED

pytestmark = pytest.mark.browser


@pytest.fixture
def pasted(office: Office, house: str, desk: Page) -> str:
    """Edna pasted a text at her desk; return where it is."""
    office.topic("Iran")
    office.topic("Pakistan")
    desk.goto(f"{house}/briefs")
    desk.get_by_role("button", name="New brief").click()
    desk.get_by_label("Published text").fill(PASTED)
    desk.get_by_role("button", name="Make a brief of it").click()
    desk.wait_for_url(f"{house}/briefs/1")
    return f"{house}/briefs/1"


def window(browser: Browser, **kind: Any) -> Page:
    """Open a window of somebody else."""
    return browser.new_context(**kind).new_page()


def draft(office: Office) -> Draft:
    found: Draft = office.get(Draft, 1)
    return found


def saved(page: Page) -> None:
    """Wait until what was typed is saved."""
    page.locator("#saved .saved").wait_for()


def test_what_is_typed_is_saved_and_seen_as_a_mail(
    office: Office, pasted: str, desk: Page
) -> None:
    mail = desk.frame_locator("#preview")
    mail.get_by_role("heading", name="Ministers Agree on Open Rivers").wait_for()

    desk.get_by_label("Title", exact=True).first.fill("Ministers Agree at Last")
    saved(desk)

    mail.get_by_role("heading", name="Ministers Agree at Last").wait_for()
    assert draft(office).title == "Ministers Agree at Last"


def test_a_doubt_is_mended_and_looked_at(
    office: Office, pasted: str, desk: Page
) -> None:
    assert "no such topic: 'Iron'" in desk.locator("#doubts").inner_text()
    desk.get_by_label("One more topic").fill("Gulf")
    saved(desk)
    desk.get_by_text("no such topic: 'Gulf'").wait_for()
    desk.get_by_label("Topic 3").or_(desk.get_by_label("One more topic")).first.fill("")
    desk.get_by_role("button", name="I have looked at this").click()

    desk.get_by_text("Everything was understood.").wait_for()
    assert draft(office).warnings == []


def test_a_quote_is_approved_and_loses_it_with_a_word(
    office: Office, pasted: str, desk: Page
) -> None:
    desk.get_by_text("approved by nobody").wait_for()
    desk.get_by_role("button", name="Note the approval of quote 1").click()
    desk.get_by_text("Approved by Jane Doe").wait_for()

    desk.locator("[name=quote-0-text]").fill("It is an end.")
    desk.get_by_text("Not approved").wait_for()
    desk.get_by_text("approved by nobody").wait_for()


def test_two_editors_at_once_lose_nothing(
    office: Office, pasted: str, desk: Page, browser: Browser
) -> None:
    boris = window(browser, viewport=DESK)
    boris.goto(pasted)
    desk.get_by_label("Title", exact=True).first.fill("Edna's Title")
    saved(desk)

    boris.get_by_label("Title", exact=True).first.fill("Boris's Title")
    boris.get_by_role("link", name="look at the difference").click()

    assert "Edna" in boris.locator("del").first.inner_text()
    assert "Boris" in boris.locator("ins").first.inner_text()
    assert draft(office).title == "Edna's Title"
    boris.get_by_role("button", name="Let this one count").click()
    boris.wait_for_url(pasted)
    assert draft(office).title == "Boris's Title"
    boris.context.close()
    with reading(office.engine) as session:
        kept = [each.markdown for each in versions.versions(session, 1)]
    assert any("Edna's Title" in each for each in kept)


def test_everything_can_be_done_by_keyboard(
    office: Office, house: str, desk: Page
) -> None:
    office.topic("Iran")
    desk.goto(f"{house}/briefs/new")
    reach(desk, "textarea[name=text]")
    desk.keyboard.insert_text(PASTED)
    reach(desk, "button:has-text('Make a brief of it')")
    desk.keyboard.press("Enter")
    desk.wait_for_url(f"{house}/briefs/1")

    reach(desk, "[name=title]")
    desk.keyboard.press("ControlOrMeta+a")
    desk.keyboard.type("By Hand")
    desk.keyboard.press("Enter")
    desk.get_by_role("status").filter(has_text="Saved.").wait_for()
    assert draft(office).title == "By Hand"

    reach(desk, "#as-phone")
    desk.keyboard.press("ArrowRight")
    assert desk.locator("#as-desk").is_checked()


def reach(page: Page, selector: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", plain(selector)):
            return
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"{selector} cannot be reached by keyboard")


def plain(selector: str) -> str:
    return selector if ":has-text" not in selector else "never-there"


@pytest.fixture
def pages(house: str, pasted: str) -> list[str]:
    return [
        f"{house}/briefs",
        f"{house}/briefs/new",
        pasted,
        f"{pasted}?view=markdown",
        f"{pasted}/findings",
        f"{pasted}/versions",
        f"{pasted}/versions/2",
    ]


def test_the_pages_fit_a_phone_and_keep_nobody_out(
    pages: list[str], phone: Page
) -> None:
    for path in pages:
        phone.goto(path)
        phone.wait_for_load_state("networkidle")
        assert fits(phone), path
        assert barriers(phone) == [], path


def test_the_pages_keep_nobody_out_at_night(pages: list[str], browser: Browser) -> None:
    night = window(browser, viewport=DESK, color_scheme="dark")
    for path in pages:
        night.goto(path)
        night.wait_for_load_state("networkidle")
        assert barriers(night) == [], path
    night.context.close()


def test_the_mail_is_as_wide_as_a_phone(pasted: str, phone: Page) -> None:
    phone.goto(pasted)
    frame = phone.locator("#preview")
    frame.scroll_into_view_if_needed()
    mail = phone.frame_locator("#preview")
    mail.get_by_role("heading", name="Ministers Agree on Open Rivers").wait_for()

    wide = mail.locator("body").evaluate("e => e.ownerDocument.defaultView.innerWidth")
    assert wide <= 375
    assert mail.locator("html").evaluate("e => e.scrollWidth <= e.clientWidth")


@pytest.fixture
def strict(browser: Browser) -> Iterator[Page]:
    """A window in which nothing may run that we did not bring."""
    page = window(browser, viewport=DESK)
    page.on("dialog", lambda dialog: dialog.accept())
    yield page
    page.context.close()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_is_written_runs(
    office: Office, pasted: str, strict: Page, payload: str
) -> None:
    strict.goto(pasted)
    for name in (
        "title",
        "topic",
        "section-0-heading",
        "section-0-text",
        "quote-0-text",
        "quote-0-person",
        "quote-0-role",
        "quote-0-approver",
        "related-0-title",
        "related-0-authors",
    ):
        strict.locator(f"[name={name}]").first.fill(payload)
    strict.get_by_role("button", name="Note the approval of quote 1").click()
    strict.wait_for_load_state("networkidle")

    for path in ("", "?view=markdown", "/findings", "/versions", "/versions/3"):
        strict.goto(f"{pasted}{path}")
        strict.wait_for_load_state("networkidle")
        assert strict.title() != "ran", path
    strict.goto(pasted)
    mail = strict.frame_locator("#preview")
    assert payload in mail.locator("body").inner_text()
    assert mail.locator("html").evaluate("e => e.ownerDocument.title") != "ran"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_in_any_field_of_a_brief_runs(
    office: Office, pasted: str, browser: Browser, payload: str
) -> None:
    page = window(browser, viewport=DESK)
    page.goto(f"{pasted}?add=related")
    for name in ("title", "authors", "url"):
        page.locator(f"[name=related-1-{name}]").fill(payload)
    page.locator("[name=section-0-text]").fill(
        f"Words [of a link]({payload}) {payload}"
    )
    page.locator("[name=embargo]").fill(payload)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Not saved:").wait_for()
    assert page.locator("[name=embargo]").input_value() == payload
    harmless(page)

    page.locator("[name=embargo]").fill("")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved.").wait_for()
    for path in ("", "?view=markdown", "/versions/3", "/preview", "/findings"):
        page.goto(f"{pasted}{path}")
        harmless(page)

    page.goto(f"{pasted}?view=markdown")
    text = page.locator("[name=markdown]").input_value()
    page.locator("[name=markdown]").fill(
        text.replace("title:", f"embargo: {payload}\ntitle:")
    )
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved.").wait_for()
    harmless(page)
    page.context.close()


def harmless(page: Page) -> None:
    """Nothing ran, and there is nothing to press that would run."""
    assert page.title() != "ran"
    for frame in page.frames:
        assert frame.locator('a[href^="javascript:" i]').count() == 0
        assert frame.locator("svg[onload], img[onerror]").count() == 0
