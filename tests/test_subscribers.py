"""Subscribers' pages: who is there, what happened, and what staff may change."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from flashmail.audience import suppression
from flashmail.database import reading, transaction
from flashmail.errors import WrongInput
from flashmail.model import (
    AuditEntry,
    ConsentKind,
    Event,
    EventKind,
    Role,
    Subscriber,
    SubscriberStatus,
    Suppression,
)
from flashmail.reports import subscriber
from flashmail.subscribers import edit as change
from flashmail.subscribers.edit import Profile
from flashmail.subscribers.preferences import ConsentSource, agreed
from flashmail.subscribers.search import FEW, StartsWith, SubscriberFilter, people
from office import NOON, Office
from test_staff import EDNA, PASSWORD, hire

BOUNCED = SubscriberStatus.BOUNCED
WHO = "Edna"


@pytest.fixture
def staff(office: Office) -> Office:
    """Anne and Boris follow Iran; Chloe follows Pakistan, and her mail bounced."""
    office.subscribe("Anne", "Iran", attributes={"organisation": "Example Times"})
    office.subscribe("Boris", "Iran")
    office.subscribe("Chloe", "Pakistan", status=BOUNCED)
    with transaction(office.engine) as session:
        session.get_one(Subscriber, 2).name = "Anders Boris"
        session.add(Suppression(key="chloe@example.org", reason=BOUNCED, since=NOON))
    return office


def found(staff: Office, wanted: SubscriberFilter, *, few: int = FEW) -> list[str]:
    with reading(staff.engine) as session:
        rows = session.execute(people(session, wanted, few=few)).scalars()
        return sorted(each.address.partition("@")[0] for each in rows)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (SubscriberFilter(), ["anne", "boris", "chloe"]),
        (SubscriberFilter("AN"), ["anne"]),
        (SubscriberFilter("an", StartsWith.NAME), ["anne", "boris"]),
        (SubscriberFilter("anders b", StartsWith.NAME), ["boris"]),
        (SubscriberFilter(status=BOUNCED), ["chloe"]),
        (SubscriberFilter(topic_id=1), ["anne", "boris"]),
        (SubscriberFilter("b", topic_id=1, status=SubscriberStatus.ACTIVE), ["boris"]),
        (SubscriberFilter("%"), []),
        (SubscriberFilter("' or 1=1 --"), []),
    ],
)
def test_people_are_found(
    staff: Office, wanted: SubscriberFilter, names: list[str]
) -> None:
    assert found(staff, wanted) == names
    assert found(staff, wanted, few=0) == names


def test_the_list_shows_names_below_addresses(
    client: TestClient, staff: Office
) -> None:
    answer = client.get("/subscribers", params={"q": "an"})

    assert "anne@example.org" in answer.text
    assert "By name" in answer.text
    assert "Anders Boris" in answer.text


def test_a_list_of_nobody_says_what_to_do(client: TestClient, office: Office) -> None:
    assert "There is nobody yet" in client.get("/subscribers").text
    assert "Nobody like that" in client.get("/subscribers?q=zz").text


def edit(staff: Office, **wanted: object) -> int | None:
    with transaction(staff.engine) as session:
        person = change.find(session, 1)
        before = vars(change.profile(session, person))
        profile = Profile(**(before | wanted))
        return change.edit(session, 1, profile, by=WHO, now=staff.now)


def profile(staff: Office) -> Profile:
    with reading(staff.engine) as session:
        return change.profile(session, change.find(session, 1))


def undo(staff: Office, entry: int | None) -> None:
    with transaction(staff.engine) as session:
        change.undo(session, entry or 0, by=WHO, now=staff.now)


def test_a_person_is_changed_and_changed_back(staff: Office) -> None:
    before = profile(staff)

    entry = edit(
        staff,
        name="Anne Lee",
        topics={"Pakistan": "weekly"},
        attributes={"organisation": "Example Post", "desk": "Asia"},
    )
    after = profile(staff)
    undo(staff, entry)

    assert after.name == "Anne Lee"
    assert after.topics == {"Pakistan": "weekly"}
    assert after.attributes == {"organisation": "Example Post", "desk": "Asia"}
    assert profile(staff) == before


def test_an_older_change_is_not_undone_over_a_newer_one(staff: Office) -> None:
    entry = edit(staff, name="Anne Lee")
    edit(staff, name="Anne Novak")

    with pytest.raises(WrongInput, match="changed again"):
        undo(staff, entry)
    assert profile(staff).name == "Anne Novak"


def test_what_was_not_changed_may_have_changed_since(staff: Office) -> None:
    entry = edit(staff, name="Anne Lee")
    edit(staff, language="fr")

    undo(staff, entry)

    assert (profile(staff).name, profile(staff).language) == ("Anne", "fr")


def test_saving_what_is_there_changes_nothing(staff: Office) -> None:
    assert edit(staff) is None
    assert staff.get(AuditEntry, 1) is None


def test_an_attribute_that_is_no_text_stays_so(staff: Office) -> None:
    with transaction(staff.engine) as session:
        session.get_one(Subscriber, 1).attributes = {"score": 7, "desk": "Asia"}

    edit(staff, attributes={"score": "7", "desk": "Europe"})

    assert staff.get(Subscriber, 1).attributes == {"score": 7, "desk": "Europe"}


@pytest.mark.parametrize(
    "wanted",
    [
        {"time_zone": "Mars/Olympus"},
        {"language": "???"},
        {"name": "two\nlines"},
        {"topics": {"Nothing": "instant"}},
        {"topics": {"Iran": "hourly"}},
        {"attributes": {"address": "x"}},
    ],
)
def test_what_cannot_be_kept_is_refused(
    staff: Office, wanted: dict[str, object]
) -> None:
    before = profile(staff)

    with pytest.raises(WrongInput):
        edit(staff, **wanted)

    assert profile(staff) == before


def test_the_form_changes_a_person(client: TestClient, staff: Office) -> None:
    form = client.get("/subscribers/1/edit")
    answer = client.post(
        "/subscribers/1",
        data={
            "name": "Anne Lee",
            "topic:Iran": "daily",
            "topic:Pakistan": "",
            "attribute:organisation": "",
            "new_attribute": "desk",
            "new_value": "Asia",
        },
    )

    assert 'name="attribute:organisation" value="Example Times"' in form.text
    assert answer.headers["location"] == "/subscribers/1"
    assert profile(staff).topics == {"Iran": "daily"}
    assert profile(staff).attributes == {"desk": "Asia"}
    client.post("/subscribers/1/undo/1")
    assert profile(staff).attributes == {"organisation": "Example Times"}


def test_one_more_is_added_by_the_form(client: TestClient, staff: Office) -> None:
    answer = client.post(
        "/subscribers", data={"address": "Dora@example.org", "topic": ["Iran"]}
    )

    shown = client.get(answer.headers["location"]).text
    assert "Dora@example.org" in shown
    assert "add by at the machine" in shown


def test_who_left_is_not_added(client: TestClient, staff: Office) -> None:
    answer = client.post("/subscribers", data={"address": "chloe@example.org"})

    assert answer.status_code == 409
    assert "only that person" in answer.text


def stop(staff: Office, address: str = "anne@example.org", words: str = "rang") -> int:
    with transaction(staff.engine) as session:
        return suppression.suppress_by_hand(
            session, address, words, by=WHO, now=staff.now
        )


def lift(staff: Office, address: str, *, admin: bool, words: str = "wrote") -> None:
    with transaction(staff.engine) as session:
        suppression.lift(session, address, words, admin=admin, by=WHO, now=staff.now)


def status(staff: Office, subscriber_id: int = 1) -> SubscriberStatus:
    person: Subscriber = staff.get(Subscriber, subscriber_id)
    return person.status


def test_a_suppression_by_hand_can_be_undone(staff: Office) -> None:
    entry = stop(staff)
    gone = status(staff)
    with transaction(staff.engine) as session:
        suppression.undo(session, entry, by=WHO, now=staff.now)

    assert gone is SubscriberStatus.UNSUBSCRIBED
    assert status(staff) is SubscriberStatus.ACTIVE
    assert staff.get(Suppression, "anne@example.org") is None


def test_undo_does_not_lift_what_came_later(staff: Office) -> None:
    entry = stop(staff)
    lift(staff, "anne@example.org", admin=True)
    staff.later(hours=1)
    stop(staff)

    with (
        pytest.raises(WrongInput, match="again since"),
        transaction(staff.engine) as session,
    ):
        suppression.undo(session, entry, by=WHO, now=staff.now)
    assert staff.get(Suppression, "anne@example.org") is not None


def test_a_bounce_is_lifted_by_a_list_manager(staff: Office) -> None:
    lift(staff, "chloe@example.org", admin=False)

    assert status(staff, 3) is SubscriberStatus.ACTIVE
    assert staff.get(Suppression, "chloe@example.org") is None


def test_a_wish_is_lifted_by_an_admin_only(staff: Office) -> None:
    stop(staff)

    with pytest.raises(WrongInput, match="only that person"):
        lift(staff, "anne@example.org", admin=False)
    assert status(staff) is SubscriberStatus.UNSUBSCRIBED
    lift(staff, "anne@example.org", admin=True)
    assert status(staff) is SubscriberStatus.ACTIVE


@pytest.mark.parametrize("words", ["", "  ", "x" * 501])
def test_there_must_be_a_reason(staff: Office, words: str) -> None:
    with pytest.raises(WrongInput, match="say"):
        stop(staff, words=words)
    with pytest.raises(WrongInput, match="say"):
        lift(staff, "chloe@example.org", admin=True, words=words)


def test_twice_is_refused(staff: Office) -> None:
    with pytest.raises(WrongInput, match="already"):
        stop(staff, "Chloe@example.org")
    with pytest.raises(WrongInput, match="not suppressed"):
        lift(staff, "boris@example.org", admin=True)


def test_suppressions_are_listed(client: TestClient, staff: Office) -> None:
    client.post(
        "/suppressions", data={"address": "dora@example.org", "words": "by <i>post</i>"}
    )

    everyone = client.get("/suppressions").text
    bounced = client.get("/suppressions?reason=bounced").text

    assert "by &lt;i&gt;post&lt;/i&gt;" in everyone
    assert "chloe@example.org" in bounced
    assert "dora@example.org" not in bounced
    assert "dora@example.org" in client.get("/suppressions?q=DO").text
    assert client.get("/suppressions?q=do&cursor=nonsense").status_code == 200


def test_a_history_has_mails_events_and_changes(
    client: TestClient, staff: Office
) -> None:
    staff.schedule()
    staff.send_all()
    staff.hear("open")
    staff.later(hours=1)
    edit(staff, name="Anne Lee")

    with reading(staff.engine) as session:
        told = subscriber.history(session, change.find(session, 1))

    assert "mail delivered" in {each.what for each in told.moments}
    assert "name: Anne → Anne Lee" in {each.words for each in told.moments}
    assert told.older is None
    assert "Anne → Anne Lee" in client.get("/subscribers/1").text


def test_consent_is_part_of_the_history(client: TestClient, staff: Office) -> None:
    with transaction(staff.engine) as session:
        where = ConsentSource("1", "join form")
        agreed(session, 1, ConsentKind.JOIN, where, now=NOON)

    assert "consent: join" in client.get("/subscribers/1").text


def test_a_person_is_erased_by_typing_the_address(
    client: TestClient, staff: Office
) -> None:
    edit(staff, name="Anne Lee")
    taken = client.get("/subscribers/1/takeout.json").json()
    wrong = client.post("/subscribers/1/erase", data={"address": "boris@example.org"})
    kept = staff.get(Subscriber, 1)
    client.post("/subscribers/1/erase", data={"address": "Anne@example.org"})

    assert taken["subscriber"][0]["name"] == "Anne Lee"
    assert wrong.status_code == 409
    assert kept is not None
    assert client.get("/subscribers/1").status_code == 404
    with reading(staff.engine) as session:
        (entry,) = session.exec(select(AuditEntry)).all()
    assert (entry.action, entry.subject, entry.detail) == ("erase", "subscriber 1", {})
    assert "an erased address" in client.get("/suppressions").text


def test_a_long_history_is_paged_and_loses_nothing(staff: Office) -> None:
    count = subscriber.MAILS + 5
    for number in range(count):
        edit(staff, name=f"Anne {number}")
        staff.later(hours=1)
        staff.schedule(f"Storm {number}")
        staff.send_all()
        staff.later(hours=1)

    moments, before = [], None
    with reading(staff.engine) as session:
        person = change.find(session, 1)
        while True:
            told = subscriber.history(session, person, before=before)
            moments += told.moments
            before = told.older
            if before is None:
                break

    whats = [each.what for each in moments]
    assert whats.count("mail sent") == count
    assert whats.count(f"edit by {WHO}") == count
    assert whats.count("came here") == 1
    assert [each.at for each in moments] == sorted(
        (each.at for each in moments), reverse=True
    )


def test_an_export_is_a_roster_and_is_noted(client: TestClient, staff: Office) -> None:
    edit(staff, name="=1+1")

    answer = client.get("/subscribers/export.csv")

    rows = answer.text.splitlines()
    assert rows[0].startswith('"address","name","topics"')
    assert '"\'=1+1"' in rows[1]
    assert len(rows) == 4
    with reading(staff.engine) as session:
        last = session.exec(select(AuditEntry).order_by(AuditEntry.id.desc())).first()  # type: ignore[union-attr]
    assert last is not None
    assert last.action == "export"


@pytest.mark.parametrize("path", ["/subscribers/9", "/subscribers/9/edit"])
def test_there_is_no_subscriber_nine(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_viewer_looks_and_changes_nothing(client: TestClient, staff: Office) -> None:
    hire(staff, Role.VIEWER)
    client.post("/sign-in", data={"address": EDNA, "password": PASSWORD})

    assert client.get("/subscribers/1").status_code == 200
    assert "/subscribers/1/edit" not in client.get("/subscribers/1").text
    assert "export.csv" not in client.get("/subscribers").text
    for path in ("/subscribers/export.csv", "/subscribers/1/edit", "/subscribers/new"):
        assert client.get(path).status_code == 403
    for path in ("/subscribers/1", "/subscribers/1/suppress", "/suppressions/lift"):
        words = {"words": "x", "address": "chloe@example.org"}
        assert client.post(path, data=words).status_code == 403
    assert status(staff, 3) is BOUNCED


def test_a_list_manager_lifts_no_wish_in_the_page(
    client: TestClient, staff: Office
) -> None:
    stop(staff)
    hire(staff, Role.LIST_MANAGER)
    client.post("/sign-in", data={"address": EDNA, "password": PASSWORD})

    answer = client.post(
        "/suppressions/lift", data={"address": "anne@example.org", "words": "rang"}
    )

    assert answer.status_code == 409
    assert "an admin can" in client.get("/suppressions?q=anne").text
    assert staff.get(Suppression, "anne@example.org") is not None


def test_events_far_apart_stand_in_their_order(staff: Office) -> None:
    staff.schedule()
    staff.send_all()
    with transaction(staff.engine) as session:
        for day in (3, 1, 2):
            at = NOON + timedelta(days=day)
            session.add(
                Event(
                    key=str(day),
                    campaign_id=1,
                    subscriber_id=1,
                    kind=EventKind.OPENED,
                    at=at,
                    recorded_at=at,
                    detail=f"day {day}",
                )
            )

    with reading(staff.engine) as session:
        told = subscriber.history(session, change.find(session, 1)).moments

    assert [each.words for each in told][:3] == ["day 3", "day 2", "day 1"]
