"""Readers' pages in a real browser: on a phone, at night, and for everybody."""

import pytest
from playwright.sync_api import Page

from chromium import barriers, fits
from flashmail.links import Purpose
from office import Office

pytestmark = pytest.mark.browser


def test_a_readers_pages_fit_a_phone_and_keep_nobody_out(
    office: Office, house: str, phone: Page
) -> None:
    office.topic("Iran Politics and Economy", "Iran")
    office.topic("Pakistan")
    token = office.token(Purpose.LEAVE)

    for path in ("", "/briefs", "/address", "/erase"):
        phone.goto(f"{house}/p/{token}{path}")
        assert fits(phone), path
        assert barriers(phone) == [], path
    phone.goto(f"{house}/u/{token}")
    assert barriers(phone) == []


def test_all_of_it_works_by_keyboard_and_without_a_script(
    office: Office, house: str, phone: Page
) -> None:
    office.topic("Pakistan")
    phone.goto(f"{house}/p/{office.token(Purpose.LEAVE)}")

    phone.get_by_label("At most so many briefs").fill("2")
    phone.keyboard.press("Enter")

    assert phone.get_by_role("status").inner_text() == "Saved."
    assert phone.get_by_label("At most so many briefs").input_value() == "2"
