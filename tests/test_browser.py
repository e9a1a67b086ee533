"""A real browser: what people see and press, on a phone and by keyboard."""

import pytest
from playwright.sync_api import Page

from chromium import PAYLOADS, fits
from flashmail.links import Purpose
from flashmail.model import Role, Subscriber, SubscriberStatus
from office import Office
from test_staff import EDNA, PASSWORD, hire

pytestmark = pytest.mark.browser


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

    phone.get_by_label("Pakistan").select_option("daily")
    phone.get_by_role("button", name="Save").focus()
    phone.keyboard.press("Enter")

    assert phone.get_by_role("status").inner_text() == "Saved."
    assert phone.get_by_label("Pakistan").input_value() == "daily"
    assert phone.get_by_label("Iran").input_value() == "instant"


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
