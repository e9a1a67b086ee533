"""A real browser: what people see and press, on a phone and by keyboard."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from flashmail.links import Purpose
from flashmail.model import Role, Subscriber, SubscriberStatus
from flashmail.transports.outbox import Outbox
from flashmail.web.app import create_app
from office import Office
from test_staff import EDNA, PASSWORD, hire

CHROMIUM = shutil.which("chromium") or ""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM and not os.environ.get("CI"), reason="there is no chromium here"
    ),
]

#: Each would say so in the page's title if it ran.
PAYLOADS = (
    "<script>document.title='ran'</script>",
    "<img src=x onerror=\"document.title='ran'\">",
    "\"><svg onload=document.title='ran'>",
    "javascript:document.title='ran'",
    "{{7*7}}",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Its driver runs a loop of its own, which no other test should meet."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def house(office: Office, tmp_path: Path) -> Iterator[str]:
    """The pages at a port of their own; Anne has got a mail."""
    office.subscribe("Anne", "Iran")
    app = create_app(office.engine, office.tokens, Outbox(tmp_path / "outbox"))
    config = uvicorn.Config(app, port=0, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A phone; it complains of whatever a page does that it may not."""
    context = browser.new_context(viewport={"width": 375, "height": 740})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text))
    yield page
    context.close()
    assert complaints == []


def fits(page: Page) -> bool:
    """Return whether a page has to be moved sideways to be read."""
    wide = "document.documentElement.scrollWidth <= window.innerWidth"
    return bool(page.evaluate(wide))


def test_a_reader_leaves_by_pressing_the_button(
    office: Office, house: str, phone: Page
) -> None:
    phone.goto(f"{house}/u/{office.token(Purpose.LEAVE)}")
    assert office.get(Subscriber, 1).status is SubscriberStatus.ACTIVE

    phone.get_by_role("button", name="Unsubscribe").click()

    assert phone.get_by_role("heading").inner_text() == "You are unsubscribed"
    assert office.get(Subscriber, 1).status is SubscriberStatus.UNSUBSCRIBED


def test_topics_are_chosen_by_keyboard(office: Office, house: str, phone: Page) -> None:
    office.topic("Pakistan")
    phone.goto(f"{house}/p/{office.token(Purpose.LEAVE)}")

    phone.get_by_label("Pakistan").focus()
    phone.keyboard.press("Space")
    phone.get_by_role("button", name="Save").focus()
    phone.keyboard.press("Enter")

    assert phone.get_by_role("status").inner_text() == "Saved."
    assert phone.get_by_label("Pakistan").is_checked()
    assert phone.get_by_label("Iran").is_checked()


def test_every_page_fits_a_phone(office: Office, house: str, phone: Page) -> None:
    office.schedule("A Headline That Is Longer Than Any Phone Is Wide, As They Are")
    leave = office.token(Purpose.LEAVE)

    for path in ("/", "/campaigns/1", "/outbox", "/sign-in", f"/p/{leave}"):
        phone.goto(f"{house}{path}")
        assert fits(phone), path


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_a_brief_says_never_runs(
    office: Office, house: str, phone: Page, payload: str
) -> None:
    office.schedule(payload)

    for path in ("/", "/campaigns/1"):
        phone.goto(f"{house}{path}")
        assert phone.title() != "ran"
        assert payload in phone.inner_text("main")


def test_staff_sign_in_and_out(office: Office, house: str, phone: Page) -> None:
    hire(office, Role.VIEWER)
    phone.goto(f"{house}/outbox")
    phone.get_by_label("Address").fill(EDNA)
    phone.get_by_label("Password").fill(PASSWORD)
    phone.keyboard.press("Enter")
    phone.wait_for_url(f"{house}/outbox")

    phone.get_by_role("button", name="Sign out").click()
    phone.goto(f"{house}/outbox")

    assert phone.get_by_role("heading").inner_text() == "Sign in"
