"""Readers' pages in a real browser: on a phone, at night, and for everybody."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page

from chromium import barriers, fits, served
from flashmail.links import Purpose
from flashmail.model import AmendmentKind, SubscriptionRequest
from flashmail.transports.outbox import Outbox
from flashmail.web.app import create_app
from flashmail.web.public.signup_limits import ATTACK
from office import Office
from test_archive import publish

pytestmark = pytest.mark.browser


def test_a_readers_pages_fit_a_phone_and_keep_nobody_out(
    office: Office, house: str, phone: Page
) -> None:
    office.topic("Iran Politics and Economy", "Iran")
    office.topic("Pakistan")
    token = office.token(Purpose.LEAVE)

    for path in (
        *(f"/p/{token}{more}" for more in ("", "/briefs")),
        *(f"/me/{office.own_token()}{more}" for more in ("", "/address", "/erase")),
    ):
        phone.goto(f"{house}{path}")
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


def test_the_public_pages_fit_a_phone_and_keep_nobody_out(
    office: Office, house: str, phone: Page
) -> None:
    publish(office, "A Port Reopens After a Year of Talks", "Iran")
    publish(office, "A Port Stays Shut", "Iran", corrects=1, amends=AmendmentKind.REST)
    token = office.tokens.write(Purpose.NEVER, 0, 1)

    for path in (
        "/join",
        "/archive",
        "/archive/1/a-port-stays-shut",
        "/archive/topics/iran",
        f"/n/{token}",
    ):
        phone.goto(f"{house}{path}")
        assert fits(phone), path
        assert barriers(phone) == [], path


@pytest.fixture
def besieged(office: Office, tmp_path: Path) -> Iterator[str]:
    """The pages at a port of their own, while many ask at once."""
    app = create_app(office.engine, office.tokens, Outbox(tmp_path / "outbox"))
    for n in range(ATTACK):
        app.state.gate.admit(f"10.0.0.{n}", "", "", now=datetime.now(UTC))
    with served(app) as address:
        yield address


def test_a_form_proves_itself_while_there_is_an_attack(
    office: Office, besieged: str, phone: Page
) -> None:
    office.topic("Iran")
    phone.goto(f"{besieged}/join")
    phone.locator('[name="proof"]:not([value=""])').wait_for(state="attached")
    phone.get_by_label("Your address").fill("anne@example.com")
    phone.get_by_label("Iran").check()

    phone.get_by_role("button", name="Join").click()

    assert phone.get_by_role("heading").inner_text() == "Look into your mailbox"
    assert office.get(SubscriptionRequest, 1).key == "anne@example.com"
