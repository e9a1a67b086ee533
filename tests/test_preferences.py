"""The preference page: a signed link, and everything a reader may want to say."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import SQLModel, select

from flashmail import privacy
from flashmail.audience.suppression import ERASED, erased_addresses
from flashmail.database import reading, transaction
from flashmail.import_export.merge import merge
from flashmail.import_export.staging import Staged
from flashmail.links import Purpose, Tokens
from flashmail.model import (
    Consent,
    ConsentKind,
    Delivery,
    DeliveryPreferences,
    DigestItem,
    EventKind,
    Frequency,
    Subscriber,
    SubscriberStatus,
    Subscription,
    SubscriptionRequest,
    Suppression,
    TransactionalMail,
    UnsubscribeFeedback,
)
from office import Office
from planning import at, look, mails, reads, tell

INSTANT, DAILY, WEEKLY, URGENT = Frequency


@pytest.fixture
def anne(office: Office) -> Office:
    """Anne follows Iran; there are other topics, one of them private."""
    office.topic("Iran")
    office.topic("Iran Politics", parent="Iran")
    office.topic("Pakistan")
    office.topic("Donors", private=True)
    office.subscribe("Anne", "Iran")
    return office


def page(office: Office, more: str = "") -> str:
    return f"/p/{office.token(Purpose.LEAVE)}{more}"


def own(office: Office, more: str = "") -> str:
    """Return the path of a link that was written to Anne just now."""
    return f"/me/{office.own_token()}{more}"


def shown(client: TestClient, office: Office) -> dict[str, str]:
    """Return the form as a browser has it: every field, and what each was."""
    text = client.get(page(office)).text
    form = dict(re.findall(r'name="(was-[^"]+)" value="([^"]*)"', text))
    return form | {name.removeprefix("was-"): value for name, value in form.items()}


def save(client: TestClient, office: Office, **changed: str) -> Any:
    fields = {name.replace("__", "-"): value for name, value in changed.items()}
    return client.post(page(office), data=shown(client, office) | fields)


def follows(office: Office) -> dict[int, Frequency]:
    with reading(office.engine) as session:
        rows = session.exec(select(Subscription).order_by("topic_id")).all()
        return {row.topic_id: row.frequency for row in rows}


def test_the_tree_is_shown_but_not_what_is_private(
    client: TestClient, anne: Office
) -> None:
    text = client.get(page(anne)).text

    assert 'class="depth-1"' in text
    assert "Donors" not in text
    assert "anne@" not in text


def test_topics_are_followed_each_as_often_as_wanted(
    client: TestClient, anne: Office
) -> None:
    save(client, anne, topic__1="daily", topic__3="urgent only")
    assert follows(anne) == {1: DAILY, 3: URGENT}

    save(client, anne, topic__1="", topic__3="weekly")
    assert follows(anne) == {3: WEEKLY}


def test_saving_touches_only_what_was_changed_on_the_page(
    client: TestClient, anne: Office
) -> None:
    old = shown(client, anne)
    save(client, anne, topic__3="daily", zone="Asia/Karachi")  # in another window

    client.post(page(anne), data=old | {"topic-2": "weekly"})

    assert follows(anne) == {1: INSTANT, 2: WEEKLY, 3: DAILY}
    assert anne.get(Subscriber, 1).time_zone == "Asia/Karachi"


def test_a_private_topic_cannot_be_followed_by_its_number(
    client: TestClient, anne: Office
) -> None:
    save(client, anne, topic__4="instant", **{"was-topic-4": ""})

    assert follows(anne) == {1: INSTANT}


def test_when_mail_may_come_is_kept_and_shown(client: TestClient, anne: Office) -> None:
    save(
        client,
        anne,
        pause="2027-01-10",
        quiet_from="22:00",
        quiet_to="07:00",
        cap="3",
        urgent="yes",
        zone="Asia/Karachi",
        language="ur",
        tracking="no",
    )

    preferences = anne.get(DeliveryPreferences, 1)
    assert preferences.paused_until == datetime(2027, 1, 9, 19, tzinfo=UTC)
    assert (
        preferences.quiet_hours,
        preferences.daily_limit,
        preferences.urgent_overrides,
    ) == (
        "22:00-07:00",
        3,
        True,
    )
    person = anne.get(Subscriber, 1)
    assert (person.language, person.tracking_consent) == ("ur", False)
    again = shown(client, anne)
    assert (again["pause"], again["quiet_from"], again["cap"]) == (
        "2027-01-10",
        "22:00",
        "3",
    )


def test_who_takes_everything_back_leaves_no_row(
    client: TestClient, anne: Office
) -> None:
    save(client, anne, cap="3")
    save(client, anne, cap="")

    assert anne.get(DeliveryPreferences, 1) is None


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("zone", "Mars/Olympus", "time zone"),
        ("cap", "-1", "number"),
        ("quiet_from", "22:00", "quiet hours"),
        ("pause", "soon", "no day"),
        ("topic__1", "hourly", "how often"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_saved(
    client: TestClient, anne: Office, field: str, value: str, said: str
) -> None:
    answer = save(client, anne, **{"topic__3": "daily", field: value})

    assert (answer.status_code, said in answer.text) == (422, True)
    assert follows(anne) == {1: INSTANT}


def test_quiet_hours_set_later_hold_back_what_waits(
    client: TestClient, office: Office
) -> None:
    reads(office, "Anne", DAILY)
    tell(office, "Storm")
    save(client, office, quiet_from="06:00", quiet_to="08:00")
    look(office)

    at(office, 7, days=1)
    assert mails(office) == []
    at(office, 8)
    assert mails(office) == [("anne", "Storm")]


def test_the_ledger_says_what_was_agreed_to(client: TestClient, anne: Office) -> None:
    save(client, anne, topic__3="daily", tracking="yes")

    with reading(anne.engine) as session:
        kept = session.exec(select(Consent)).all()
    assert [(each.kind, each.detail) for each in kept] == [
        (ConsentKind.TOPICS, {"Pakistan": "daily"}),
        (ConsentKind.TRACKING, {"answer": "yes"}),
    ]
    assert {(each.wording, each.network) for each in kept} == {
        ("preferences 1", "127.0.0.0/24")
    }


def test_links_work_after_the_keys_were_changed(
    client: TestClient, anne: Office
) -> None:
    old = anne.token(Purpose.LEAVE)
    client.app.state.tokens = Tokens.of(["n" * 32, "k" * 32])  # type: ignore[attr-defined]

    assert client.get(f"/p/{old}").status_code == 200


def test_one_topic_can_be_left(client: TestClient, anne: Office) -> None:
    save(client, anne, topic__3="daily")
    anne.schedule("Storm", "Iran")
    leave = f"/u/{anne.token(Purpose.LEAVE)}"
    assert "Stop Iran" in client.get(leave).text

    client.post(leave, data={"confirm": "yes", "topic": "1"})

    assert follows(anne) == {3: DAILY}
    assert anne.get(Subscriber, 1).status is SubscriberStatus.ACTIVE


def test_a_reason_is_asked_afterwards_and_says_not_who(
    client: TestClient, anne: Office
) -> None:
    leave = f"/u/{anne.token(Purpose.LEAVE)}"
    assert "why" not in client.get(leave).text

    said = client.post(leave, data={"confirm": "yes"}).text
    client.post(f"{leave}/reason", data={"reason": "too-many", "words": "Daily!"})

    assert "tell us why" in said
    assert anne.get(UnsubscribeFeedback, 1).model_dump(exclude={"id", "day"}) == {
        "campaign_id": 1,
        "reason": "too-many",
        "comment": "Daily!",
    }


def test_a_new_address_has_to_confirm_first(client: TestClient, anne: Office) -> None:
    answer = client.post(own(anne, "/address"), data={"address": "ann@example.com"})

    assert "We have written to the new address" in answer.text
    assert anne.get(Subscriber, 1).address == "anne@example.org"
    assert anne.get(SubscriptionRequest, 1).key == "ann@example.com"


def test_what_is_ones_own_takes_a_link_to_ones_own_mailbox(
    client: TestClient, anne: Office
) -> None:
    """A mail that was passed on takes its links with it."""
    for path in ("/data", "/address", "/erase"):
        assert client.post(page(anne, path)).status_code in {404, 405}
        for purpose in (Purpose.LEAVE, Purpose.WATCH):
            assert client.post(f"/me/{anne.token(purpose)}{path}").status_code == 404

    for _ in range(3):
        answer = client.post(page(anne, "/own"))
        assert "a…@example.org" in answer.text
        assert "/me/" not in answer.text

    with reading(anne.engine) as session:
        letter = session.exec(select(TransactionalMail)).one()
    assert letter.address == "anne@example.org"
    link = re.search("/me/[0-9a-f]+", letter.text)
    assert link
    assert "Download my data" in client.get(link[0]).text


def test_such_a_link_is_good_for_a_day(client: TestClient, anne: Office) -> None:
    for hours, status in ((0, 200), (23, 200), (26, 404)):
        token = anne.own_token(hours_old=hours)
        assert client.get(f"/me/{token}").status_code == status


def test_all_that_is_kept_can_be_taken_along(client: TestClient, anne: Office) -> None:
    anne.schedule("Storm", "Iran")
    anne.send_all()
    anne.hear("open")
    save(client, anne, cap="3")

    answer = client.post(own(anne, "/data"))

    kept = json.loads(answer.text)
    assert "attachment" in answer.headers["content-disposition"]
    assert kept["subscriber"][0]["address"] == "anne@example.org"
    assert kept["subscription"][0]["topic"] == "Iran"
    assert kept["delivery_preferences"][0]["daily_limit"] == 3
    assert kept["delivery"][0]["state"] == "delivered"
    assert kept["event"][0]["kind"] == "opened"


def test_no_table_about_people_is_forgotten() -> None:
    named = {
        name
        for name, table in SQLModel.metadata.tables.items()
        if "subscriber_id" in table.columns
    }

    assert named == {each.__tablename__ for each in privacy.BY_NUMBER} | {
        "subscription_request"
    }


def test_erasing_takes_two_words(client: TestClient, anne: Office) -> None:
    once = client.post(own(anne, "/erase"))
    assert anne.get(Subscriber, 1) is not None
    assert "cannot be taken back" in once.text

    client.post(own(anne, "/erase"), data={"really": "yes"})
    assert anne.get(Subscriber, 1) is None


def test_who_is_erased_is_found_nowhere_but_totals_stay(
    client: TestClient, anne: Office
) -> None:
    anne.schedule("Storm", "Iran")
    anne.send_all()
    anne.hear("open")
    tell(anne, "Calm")
    save(client, anne, cap="3", quiet_from="22:00", quiet_to="07:00")
    client.post(own(anne, "/address"), data={"address": "ann@example.com"})

    client.post(own(anne, "/erase"), data={"really": "yes"})

    with reading(anne.engine) as session:
        for table in SQLModel.metadata.sorted_tables:
            rows = str(session.execute(table.select()).all())
            assert "anne" not in rows.lower(), table.name
            assert "ann@" not in rows, table.name
        owners = {d.subscriber_id for d in session.exec(select(Delivery))}
        assert session.exec(select(DigestItem)).all() == []
        assert len(owners) == 1
        assert min(owners) < 0
    assert (anne.people(EventKind.OPENED), anne.report(1).accepted) == (1, 1)


def test_who_is_erased_stays_out_of_every_import(
    client: TestClient, anne: Office
) -> None:
    client.post(own(anne, "/erase"), data={"really": "yes"})
    row: Staged = (
        1,
        "anne@example.org",
        "Anne@example.org",
        "Anne",
        "active",
        "",
        "",
        "{}",
        "{}",
    )

    with transaction(anne.engine) as session:
        assert merge(session, [row], now=anne.now) == {("kept_out", "unsubscribed"): 1}
        assert erased_addresses(session, ["anne@example.org", "b@example.org"]) == {
            "anne@example.org"
        }
        kept = session.exec(select(Suppression)).one()
        assert kept.key.startswith(ERASED)


def test_after_erasing_the_link_still_says_something(
    client: TestClient, anne: Office
) -> None:
    client.post(own(anne, "/erase"), data={"really": "yes"})
    leave = f"/u/{anne.token(Purpose.LEAVE)}"

    assert client.get(leave).status_code == 200
    assert client.post(leave, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert client.get(page(anne)).status_code == 404


def test_a_reader_sees_which_briefs_came_and_why_not(
    client: TestClient, office: Office
) -> None:
    reads(office, "Anne", DAILY, paused_until=office.now + timedelta(days=1))
    tell(office, "Storm")
    tell(office, "Flood", "Pakistan")
    at(office, 13, days=1)
    tell(office, "Calm")

    text = client.get(page(office, "/briefs")).text

    assert "rested then" in text
    assert "waits for the daily digest" in text
    assert "follows none of Pakistan" in text
