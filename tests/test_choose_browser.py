"""In a real browser: import by mapping, a segment by clicks, the report."""

from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page
from sqlmodel import select

from chromium import PAYLOADS, barriers, fits
from flashmail.database import reading, transaction
from flashmail.model import (
    Delivery,
    DeliveryState,
    Event,
    EventKind,
    Subscriber,
    SubscriberStatus,
    Suppression,
)
from office import NOON, Office

pytestmark = pytest.mark.browser

PATHS = (
    "/",
    "/campaigns/1/report",
    "/subscribers",
    "/subscribers?q=an",
    "/subscribers/1",
    "/subscribers/1/edit",
    "/subscribers/1/erase",
    "/subscribers/new",
    "/suppressions",
    "/segments",
    "/segments/new",
    "/topics",
    "/imports/new",
)


@pytest.fixture
def storm(office: Office, house: str) -> Office:
    """Anne and Boris got a brief; Anne opened it, Boris's address was wrong."""
    office.subscribe("Boris", "Iran", attributes={"organisation": "Example Times"})
    office.topic("Iran Politics and Economy, as Long as They Come", parent="Iran")
    office.schedule("A Headline That Is Longer Than Any Phone Is Wide, As They Are")
    # The browser's driver has a loop in this thread.
    sending = Thread(target=office.send_all)
    sending.start()
    sending.join()
    with transaction(office.engine) as session:
        mail = session.get_one(Delivery, (1, 2))
        mail.state, mail.reason = DeliveryState.BOUNCED, "550 5.1.1 no such user"
        session.add(
            Suppression(
                key="boris@example.org", reason=SubscriberStatus.BOUNCED, since=NOON
            )
        )
        for minute in (1, 4):
            at = NOON.replace(minute=minute)
            session.add(
                Event(
                    key=str(minute),
                    campaign_id=1,
                    subscriber_id=1,
                    kind=EventKind.OPENED,
                    at=at,
                    recorded_at=at,
                )
            )
    return office


def test_people_are_imported_by_saying_what_columns_hold(
    office: Office, house: str, desk: Page, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("Dienstlich,Who,topics\nboris@example.org,Boris,Iran\nx,,\n")
    desk.goto(f"{house}/subscribers")
    desk.get_by_role("button", name="Import").click()
    desk.get_by_label("A file").set_input_files(file)
    desk.get_by_role("button", name="Look into it").click()
    assert desk.get_by_role("button", name="Try it").is_disabled()
    desk.get_by_label("Dienstlich is").select_option("address")
    desk.get_by_label("Who is").select_option("name")
    desk.get_by_role("button", name="Look again").click()
    desk.get_by_role("button", name="Try it").click()
    # The page of the work leads on by itself when it is done.
    desk.get_by_role("button", name="Import 1 people").wait_for()
    assert barriers(desk) == []
    desk.get_by_role("button", name="Import 1 people").click()

    desk.get_by_role("heading", name="What was done").wait_for()
    with reading(office.engine) as session:
        boris = session.exec(
            select(Subscriber).where(Subscriber.key == "boris@example.org")
        ).one()
        assert boris.name == "Boris"


def test_a_segment_is_built_by_clicks(storm: Office, house: str, desk: Page) -> None:
    with transaction(storm.engine) as session:
        session.delete(session.get_one(Suppression, "boris@example.org"))
    desk.goto(f"{house}/segments/new")
    desk.get_by_label("Iran: any", exact=True).check()
    desk.get_by_text("2 people would get").wait_for()
    desk.get_by_label("Attribute").fill("organisation")
    desk.get_by_label("Compared how").select_option("contains")
    desk.get_by_label("Value").fill("times")
    desk.get_by_text("1 person would get").wait_for()
    desk.get_by_role("button", name="One more row").click()
    desk.get_by_label("Attribute").nth(1).wait_for()
    desk.get_by_label("Name").fill("Press")
    desk.get_by_role("button", name="Keep it").click()

    desk.get_by_role("heading", name="Press").wait_for()
    desk.get_by_text("boris@example.org").wait_for()
    assert barriers(desk) == []
    desk.get_by_role("button", name="Delete").click()
    desk.get_by_role("button", name="Undo").click()
    desk.get_by_role("heading", name="Press").wait_for()


def test_the_report_draws_and_answers(storm: Office, house: str, phone: Page) -> None:
    phone.goto(f"{house}/campaigns/1/report")
    phone.locator(".chart canvas").wait_for()
    phone.keyboard.press("/")
    phone.keyboard.type("boris@example.org")
    phone.keyboard.press("Enter")

    phone.locator("#case").get_by_text("no such user").wait_for()
    assert fits(phone)
    phone.emulate_media(media="print")
    assert not phone.locator("#case").is_visible()


@pytest.mark.parametrize("path", PATHS)
def test_every_page_fits_a_phone_and_keeps_nobody_out(
    storm: Office, house: str, phone: Page, path: str
) -> None:
    phone.goto(f"{house}{path}")

    assert fits(phone)
    assert barriers(phone) == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_somebody_is_called_runs(
    storm: Office, house: str, phone: Page, payload: str
) -> None:
    with transaction(storm.engine) as session:
        anne = session.get_one(Subscriber, 1)
        anne.name, anne.attributes = payload, {"desk": payload}
        session.get_one(Delivery, (1, 2)).reason = payload
        session.get_one(Suppression, "boris@example.org").detail = payload
        session.get_one(Event, "1").detail = payload
        session.get_one(Event, "1").actor_reason = payload

    for path in (
        "/subscribers",
        "/subscribers/1",
        "/subscribers/1/edit",
        "/suppressions",
        "/campaigns/1/report?address=anne@example.org",
        "/segments/new",
    ):
        phone.goto(f"{house}{path}")
        phone.wait_for_load_state("networkidle")
        assert phone.title() != "ran"
