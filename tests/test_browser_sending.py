"""Sending in a real browser: by two people, on a phone at night, by keyboard alone."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page

from chromium import DESK, PAYLOADS, PHONE, barriers, fits
from flashmail.database import transaction
from flashmail.model import AuditEntry, CampaignStatus, Role, Staff
from flashmail.web.newsroom.approval import UNDO
from newsroom import DRAFT, hire, token_for, written
from office import NOON, Office

pytestmark = pytest.mark.browser

Sit = Callable[..., Page]


@pytest.fixture
def sit(office: Office, house: str, browser: Browser) -> Iterator[Sit]:
    """Sit somebody down at a window of their own; it complains as `phone` does."""
    contexts, complaints = [], []

    def sit_down(staff: Staff, **kind: object) -> Page:
        context = browser.new_context(**({"viewport": DESK} | kind))  # type: ignore[arg-type]
        token = token_for(office, staff)
        context.add_cookies([{"name": "flashmail", "value": token, "url": house}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text))
        contexts.append(context)
        return page

    yield sit_down
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def edna(office: Office) -> Staff:
    """Edna wrote a brief; Ada is there too. Anne follows Iran."""
    office.now = datetime.now(UTC)
    edna = hire(office, "Edna")
    written(office, edna)
    return edna


@pytest.fixture
def ada(office: Office) -> Staff:
    return hire(office, "Ada", Role.ADMIN)


def beside(action: Callable[[], object]) -> None:
    """Do something in a thread: the browser's driver has a loop in this one."""
    thread = Thread(target=action)
    thread.start()
    thread.join()


def deliver(office: Office) -> None:
    """Let ten seconds pass, and a worker work."""
    office.now = datetime.now(UTC) + UNDO + timedelta(seconds=1)
    beside(office.send_all)


def rehearsed(page: Page, house: str, *, urgent: bool = False) -> None:
    """Make a campaign of draft 1, and stay for its rehearsal."""
    page.goto(f"{house}/campaigns/new?draft=1")
    if urgent:
        page.get_by_text("Urgent: before everything else").click()
    page.get_by_role("button", name="Freeze it, and rehearse").click()
    page.wait_for_url("**/approve", timeout=20_000)


def test_from_a_draft_to_a_sent_campaign_by_two_people(
    office: Office, house: str, sit: Sit, edna: Staff, ada: Staff
) -> None:
    editor, approver = sit(edna), sit(ada)
    rehearsed(editor, house)
    assert editor.get_by_text("another person approves it").is_visible()

    approver.goto(editor.url)
    frame = approver.frame_locator("iframe.phone")
    assert frame.get_by_role("heading", name="Talks End").is_visible()
    approver.get_by_role("button", name="Approve for 1 people").click()
    approver.wait_for_url("**/campaigns/1")
    assert approver.get_by_role("button", name="Undo").is_visible()
    deliver(office)

    approver.get_by_text("Everybody has been tried.").wait_for(timeout=20_000)
    assert office.post.addresses == ["anne@example.org"]
    assert office.campaign().approved_by == "Ada <ada@example.org>"


def test_urgent_on_a_phone_and_taken_back_in_time(
    office: Office, house: str, sit: Sit, edna: Staff, ada: Staff
) -> None:
    rehearsed(sit(edna), house, urgent=True)
    phone = sit(ada, viewport=PHONE, color_scheme="dark")
    phone.goto(f"{house}/campaigns/1/approve")
    phone.get_by_label("Type how many people").fill("1")
    phone.get_by_role("button", name="Approve for 1 people").click()
    phone.wait_for_url("**/campaigns/1")
    assert fits(phone)
    counted = phone.locator("[data-until]")
    assert counted.inner_text().removesuffix(" s").isdecimal()

    phone.get_by_role("button", name="Undo").click()
    phone.get_by_text("Nobody got anything.").wait_for()
    deliver(office)

    assert office.status() is CampaignStatus.DRAFT
    assert office.post.sent == []


def test_alone_at_night_by_keyboard_only(
    office: Office, house: str, sit: Sit, edna: Staff, ada: Staff
) -> None:
    page = sit(edna)
    rehearsed(page, house)
    page.get_by_label("If it cannot wait").focus()
    page.keyboard.type("The ceasefire ended ten minutes ago.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/campaigns/1")
    assert page.get_by_text("alone: it waits for somebody").is_visible()

    page.keyboard.press("Enter")  # the focus lies on Undo
    page.get_by_text("Nobody got anything.").wait_for()

    assert office.status() is CampaignStatus.DRAFT


def test_a_campaign_is_halted_and_corrected(
    office: Office, house: str, sit: Sit, edna: Staff, ada: Staff
) -> None:
    office.subscribe("Boris", "Iran")
    rehearsed(sit(edna), house)
    page = sit(ada)
    page.goto(f"{house}/campaigns/1/approve")
    page.get_by_role("button", name="Approve for 2 people").click()
    page.wait_for_url("**/campaigns/1")
    office.now = datetime.now(UTC) + UNDO + timedelta(seconds=1)
    beside(office.send_one)

    page.get_by_role("button", name="Halt").click()
    page.get_by_text("What is on its way right now arrives.").wait_for()
    page.get_by_role("button", name="Correct or retract").click()
    page.get_by_label("What was wrong").fill("It was Tuesday.")
    page.get_by_role("button", name="Stop the first for good").click()
    page.get_by_role("heading", name="Corrected by").wait_for()

    assert page.get_by_role("link", name="Correction: Talks End").is_visible()
    assert page.get_by_role("link", name="Rest: Talks End").is_visible()
    assert office.status() is CampaignStatus.CANCELLED


PAGES = (
    *("/campaigns", "/campaigns/1", "/campaigns/1/approve", "/campaigns/1/correct"),
    *("/campaigns/new?draft=1", "/reviews", "/staff", "/staff/1", "/account", "/audit"),
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_keeps_nobody_out(
    office: Office, house: str, sit: Sit, edna: Staff, ada: Staff, scheme: str
) -> None:
    rehearsed(sit(edna), house)
    phone = sit(ada, viewport=PHONE, color_scheme=scheme)

    for path in PAGES:
        phone.goto(f"{house}{path}")
        assert fits(phone), path
        assert barriers(phone) == [], path


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_somebody_wrote_runs(
    office: Office, house: str, sit: Sit, ada: Staff, payload: str
) -> None:
    office.draft(payload, payload.replace(";", ""))
    hire(office, payload, Role.VIEWER)
    title = payload.replace('"', "'")
    text = DRAFT.replace("Talks End", f'"{title}"').replace("on Monday", payload)
    written(office, text=text, title=payload)
    with transaction(office.engine) as session:
        session.add(
            AuditEntry(at=NOON, done_by=payload, action=payload, subject=payload)
        )
    page = sit(ada)

    for path in (*PAGES, "/campaigns/1/html"):
        page.goto(f"{house}{path}")
        assert page.title() != "ran", path
    page.goto(f"{house}/audit")
    assert payload in page.inner_text("main")
