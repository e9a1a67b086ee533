"""Sending in the pages: a wrong send reaches thousands and cannot be taken back."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from flashmail.database import transaction
from flashmail.model import (
    AuditEntry,
    Campaign,
    CampaignStatus,
    DeliveryState,
    DryRun,
    Role,
    SelfApproval,
    TransactionalMail,
    TransactionalState,
)
from flashmail.transactional.queue import TransactionalSender
from flashmail.transports import Outcome
from flashmail.transports.outbox import Outbox, StoredMail
from flashmail.web.newsroom.approval import UNDO
from newsroom import DRAFT, enter, hire, rewritten, written
from office import PRESS, Office

REASON = "The ceasefire ended ten minutes ago."


def fields(html: str) -> dict[str, str]:
    """Return the hidden fields of the form that approves."""
    form = re.search(r'action="/campaigns/\d+/approve">(.*?)</form>', html, re.DOTALL)
    assert form, "there is no form to approve with"
    hidden = r'type="hidden" name="(\w+)" value="([^"]*)"'
    return dict(re.findall(hidden, form[1]))


@pytest.fixture
def newsroom(client: TestClient, office: Office) -> Office:
    """Anne and Boris follow Iran; Edna wrote about it, and Ada is there too."""
    office.now = datetime.now(UTC)
    office.subscribe("Anne", "Iran")
    office.subscribe("Boris", "Iran")
    edna = hire(office, "Edna")
    hire(office, "Ada", Role.ADMIN)
    written(office, edna)
    enter(client, office, edna)
    return office


def sit(client: TestClient, office: Office, name: str) -> None:
    """Change who sits at the browser."""
    from flashmail.staff.members import find

    with transaction(office.engine) as session:
        staff = find(session, f"{name.lower()}@example.org")
    enter(client, office, staff)


def make(client: TestClient, *, urgent: bool = False) -> str:
    """Make a campaign of draft 1 and rehearse it; return its page's path."""
    data = {"draft": "1", "revision": "1", "urgent": str(urgent).lower()}
    answer = client.post("/campaigns", data=data)
    assert answer.status_code == 303, answer.text
    state = client.get(answer.headers["location"] + "/state")
    return state.headers["HX-Redirect"].removesuffix("/approve")


def approve(client: TestClient, path: str, **more: str) -> int:
    data = fields(client.get(f"{path}/approve").text) | {"when": "now"} | more
    return client.post(f"{path}/approve", data=data).status_code


def deliver(office: Office) -> None:
    """Let ten seconds pass, and a worker work."""
    office.now = datetime.now(UTC) + UNDO + timedelta(seconds=1)
    office.send_all()


def test_from_a_draft_to_readers_by_two_people(
    client: TestClient, newsroom: Office
) -> None:
    asked = client.get("/campaigns/new?draft=1").text
    assert "everybody who follows Iran" in asked

    path = make(client)
    assert "another person approves it" in client.get(f"{path}/approve").text
    assert approve(client, path) == 403
    sit(client, newsroom, "Ada")
    assert "2</strong><span>people would get it" in client.get(f"{path}/approve").text
    assert approve(client, path) == 303
    deliver(newsroom)

    assert newsroom.post.addresses == ["anne@example.org", "boris@example.org"]
    assert newsroom.post.subjects[0] == "Talks End"
    assert newsroom.campaign().approved_by == "Ada <ada@example.org>"
    assert newsroom.campaign().created_by == "Edna <edna@example.org>"


def test_nothing_goes_before_ten_seconds_and_undo_stops_it(
    client: TestClient, newsroom: Office
) -> None:
    path = make(client)
    sit(client, newsroom, "Ada")
    approve(client, path)
    page = client.get(path).text
    assert "data-until" in page
    assert ">Undo</button>" in page
    newsroom.now = datetime.now(UTC) + timedelta(seconds=8)
    newsroom.send_all()
    assert newsroom.post.sent == []

    client.post(f"{path}/take-back")
    deliver(newsroom)

    assert newsroom.post.sent == []
    assert newsroom.status() is CampaignStatus.DRAFT
    assert newsroom.campaign().approved_by == ""


def test_one_person_more_is_refused_and_named(
    client: TestClient, newsroom: Office
) -> None:
    path = make(client)
    sit(client, newsroom, "Ada")
    seen = fields(client.get(f"{path}/approve").text)
    newsroom.subscribe("Carla", "Iran")

    answer = client.post(f"{path}/approve", data=seen)

    assert answer.status_code == 409
    assert "1 more people would get it: carla@example.org" in answer.text
    assert newsroom.status() is CampaignStatus.DRAFT


def test_a_changed_draft_is_taken_over_only_by_a_word_and_voids_what_was_seen(
    client: TestClient, newsroom: Office
) -> None:
    path = make(client)
    seen = fields_of_ada(client, newsroom, path)
    rewritten(newsroom, 1, DRAFT.replace("Monday", "Tuesday"))
    assert "The draft was changed since" in client.get(f"{path}/approve").text

    assert client.post(f"{path}/renew").status_code == 303
    answer = client.post(f"{path}/approve", data=seen)

    assert answer.status_code == 409
    assert "-Ministers signed on Monday." in answer.text
    assert "+Ministers signed on Tuesday." in answer.text
    assert newsroom.status() is CampaignStatus.DRAFT


def fields_of_ada(client: TestClient, office: Office, path: str) -> dict[str, str]:
    sit(client, office, "Ada")
    return fields(client.get(f"{path}/approve").text)


@pytest.mark.parametrize("typed", ["", "3", "1", "two"])
def test_urgent_mail_takes_the_right_number(
    client: TestClient, newsroom: Office, typed: str
) -> None:
    path = make(client, urgent=True)
    sit(client, newsroom, "Ada")

    assert approve(client, path, typed=typed) == 409
    assert newsroom.status() is CampaignStatus.DRAFT


def test_urgent_mail_goes_after_its_ten_seconds(
    client: TestClient, newsroom: Office
) -> None:
    path = make(client, urgent=True)
    sit(client, newsroom, "Ada")

    assert approve(client, path, typed="2") == 303
    deliver(newsroom)

    assert len(newsroom.post.sent) == 2


def test_who_is_alone_at_two_in_the_morning_says_why_and_all_hear_of_it(
    client: TestClient, newsroom: Office
) -> None:
    path = make(client)

    assert approve(client, path, reason="now!") == 409
    assert approve(client, path, reason=REASON) == 303

    with Session(newsroom.engine) as session:
        letters = session.exec(select(TransactionalMail)).all()
        log = [each.action for each in session.exec(select(AuditEntry))]
    assert sorted(each.address for each in letters) == [
        "ada@example.org",
        "edna@example.org",
    ]
    assert REASON in letters[0].text
    assert "approve alone" in log
    assert "approved “Talks End” alone" in client.get("/campaigns").text


def test_somebody_else_looks_at_it_afterwards(
    client: TestClient, newsroom: Office
) -> None:
    approve(client, make(client), reason=REASON)

    assert client.post("/reviews/1").status_code == 409
    assert "Somebody else has to look" in client.get("/reviews").text
    sit(client, newsroom, "Ada")
    assert client.post("/reviews/1").status_code == 303

    assert newsroom.get(SelfApproval, 1).reviewed_by == "Ada <ada@example.org>"
    assert "alone: it waits" not in client.get("/campaigns").text
    assert client.post("/reviews/1").status_code == 409


def test_what_was_looked_at_yesterday_is_looked_at_again(
    client: TestClient, newsroom: Office
) -> None:
    path = make(client)
    sit(client, newsroom, "Ada")
    seen = fields(client.get(f"{path}/approve").text)
    with transaction(newsroom.engine) as session:
        session.get_one(DryRun, 1).at -= timedelta(hours=25)

    assert "rehearsed more than a day ago" in client.get(f"{path}/approve").text
    assert (
        client.post(f"{path}/approve", data=seen | {"when": "now"}).status_code == 409
    )
    client.post(f"{path}/rehearse")
    assert approve(client, path) == 303


def test_an_approval_that_ran_out_is_taken_back(
    client: TestClient, newsroom: Office
) -> None:
    path = make(client)
    sit(client, newsroom, "Ada")
    approve(client, path)
    with transaction(newsroom.engine) as session:
        campaign = session.get_one(Campaign, 1)
        campaign.status = CampaignStatus.MISSED
        campaign.send_at = campaign.approved_at = datetime.now(UTC) - timedelta(days=2)

    page = client.get(path).text

    assert "Its approval ran out" in page
    assert "Send it after all" not in page
    assert client.post(f"{path}/schedule", data={"when": "now"}).status_code == 409
    assert client.post(f"{path}/take-back").status_code == 303


def test_a_brief_with_a_placeholder_cannot_be_approved(
    client: TestClient, newsroom: Office
) -> None:
    rewritten(newsroom, 1, DRAFT.replace("Monday", "TK"))
    data = {"draft": "1", "revision": "2"}
    client.post("/campaigns", data=data)
    sit(client, newsroom, "Ada")
    page = client.get("/campaigns/1/approve").text

    assert "Mend first" in page
    assert "before what speaks against it is mended" in page


def test_a_brief_under_embargo_is_not_approved_for_now(
    client: TestClient, newsroom: Office
) -> None:
    until = datetime.now(UTC) + timedelta(days=2)
    head = f"embargo: {until.isoformat(timespec='minutes')}\ntopics:"
    rewritten(newsroom, 1, DRAFT.replace("topics:", head))
    client.post("/campaigns", data={"draft": "1", "revision": "2"})
    sit(client, newsroom, "Ada")
    path = "/campaigns/1"
    assert "under embargo" in client.get(f"{path}/approve").text

    for at in (until - timedelta(minutes=2), None):
        when = {"when": "at", "at": f"{at:%Y-%m-%dT%H:%M}", "zone": "UTC"} if at else {}
        assert approve_anyway(client, path, **when) == 409
    later = f"{until + timedelta(minutes=2):%Y-%m-%dT%H:%M}"
    assert approve_anyway(client, path, when="at", at=later, zone="UTC") == 303


def approve_anyway(client: TestClient, path: str, **more: str) -> int:
    page = client.get(f"{path}/approve").text
    data = fields(page) if 'name="dry_run"' in page else _by_hand(client, path)
    return client.post(
        f"{path}/approve", data=data | {"when": "now"} | more
    ).status_code


def _by_hand(client: TestClient, path: str) -> dict[str, str]:
    """Return what the form would hold where the page shows none."""
    from flashmail.database import reading
    from flashmail.review.dry_run import latest

    app = client.app
    with reading(app.state.engine) as session:  # type: ignore[attr-defined]
        found = latest(session, int(path.rsplit("/", 1)[1]))
    assert found
    return {
        "dry_run": str(found.id),
        "content": found.content_hash,
        "audience": found.audience_hash,
    }


def test_a_time_needs_its_zone(client: TestClient, newsroom: Office) -> None:
    path = make(client)
    sit(client, newsroom, "Ada")

    soon = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}T09:00"
    zones = {"": 409, "Mars/Olympus": 409, "Europe/Paris": 303}

    for zone, answer in zones.items():
        assert approve(client, path, when="at", at=soon, zone=zone) == answer

    goes = newsroom.campaign().send_at
    assert goes
    assert goes.astimezone(ZoneInfo("Europe/Paris")).hour == 9


def test_a_time_that_is_past_is_refused(client: TestClient, newsroom: Office) -> None:
    path = make(client)
    sit(client, newsroom, "Ada")

    assert approve(client, path, when="at", at="2020-03-01T09:00", zone="UTC") == 409
    assert newsroom.status() is CampaignStatus.DRAFT


def test_it_is_halted_resumed_and_always_adds_up(
    client: TestClient, newsroom: Office
) -> None:
    path = make(client)
    sit(client, newsroom, "Ada")
    approve(client, path)
    newsroom.now = datetime.now(UTC) + UNDO + timedelta(seconds=1)
    newsroom.send_one()
    live = client.get(f"{path}/live").text
    assert "1 of 2 are done" in live
    assert "<html" not in live

    client.post(f"{path}/pause")
    newsroom.send_all()
    assert len(newsroom.post.sent) == 1
    client.post(f"{path}/resume")
    newsroom.send_all()

    page = client.get(path).text
    assert len(newsroom.post.sent) == 2
    assert "do not add up" not in page
    assert "to the first mail" in page


def test_what_is_unknown_goes_again_only_by_a_word(
    client: TestClient, newsroom: Office
) -> None:
    path = make(client)
    sit(client, newsroom, "Ada")
    approve(client, path)
    newsroom.post.outcome = Outcome.UNKNOWN
    deliver(newsroom)
    assert "may have arrived" in client.get(path).text

    client.post(f"{path}/retry-unknown", data={"word": "yes"})
    assert newsroom.states() == {DeliveryState.UNKNOWN: 2}
    client.post(f"{path}/retry-unknown", data={"word": "again"})

    assert newsroom.states() == {DeliveryState.QUEUED: 2}


def test_it_is_corrected_from_the_page(client: TestClient, newsroom: Office) -> None:
    path = make(client)
    sit(client, newsroom, "Ada")
    approve(client, path)
    newsroom.now = datetime.now(UTC) + UNDO + timedelta(seconds=1)
    newsroom.send_one()
    rewritten(newsroom, 1, DRAFT.replace("Monday", "Tuesday"))
    assert 'value="1:2"' in client.get(f"{path}/correct").text

    data = {"draft": "1:2", "words": "It was Tuesday."}
    assert client.post(f"{path}/correct", data=data).status_code == 303

    page = client.get(path).text
    assert "Correction: Talks End" in page
    assert newsroom.status() is CampaignStatus.CANCELLED
    assert [newsroom.campaign(n).amendment_kind for n in (2, 3)] == [
        "rest",
        "correction",
    ]
    sit(client, newsroom, "Edna")
    for number in (2, 3):
        other = f"/campaigns/{number}"
        client.post(f"{other}/rehearse")
        assert approve(client, other) == 303
    deliver(newsroom)
    assert newsroom.post.subjects == ["Talks End", "Talks End", "Correction: Talks End"]


def test_a_test_goes_to_staff_only_and_nobody_can_leave_by_it(
    client: TestClient, newsroom: Office, tmp_path: Path
) -> None:
    path = make(client)

    for strangers in ("anne@example.org", "edna@example.org anne@example.org", ""):
        answer = client.post(f"{path}/test", data={"addresses": strangers})
        assert answer.status_code == 409, strangers
    many = " ".join(f"e{n}@example.org" for n in range(11))
    assert client.post(f"{path}/test", data={"addresses": many}).status_code == 409
    data = {"addresses": "edna@example.org, ada@example.org"}
    assert client.post(f"{path}/test", data=data).status_code == 303

    kept = posted(newsroom, tmp_path)
    assert sorted(each.to for each in kept) == ["ada@example.org", "edna@example.org"]
    assert all(each.subject == "[Test] Talks End" for each in kept)
    for each in kept:
        assert b"List-Unsubscribe" not in each.raw
        token = re.search(r"/u/([0-9a-f]{48})", each.text)
        assert token
        assert client.post(f"/u/{token[1]}").status_code == 404
    assert newsroom.post.sent == []


def posted(office: Office, tmp_path: Path) -> list[StoredMail]:
    outbox = Outbox(tmp_path / "letters")
    sender = TransactionalSender(office.engine, lambda: outbox, PRESS, office.tokens)
    assert sender.run(now=datetime.now(UTC)) == 2
    assert sender.run(now=datetime.now(UTC)) == 0
    with Session(office.engine) as session:
        states = {each.state for each in session.exec(select(TransactionalMail))}
    assert states == {TransactionalState.SENT}
    return list(outbox.mails())


def test_the_list_finds_by_subject_and_status(
    client: TestClient, newsroom: Office
) -> None:
    newsroom.draft("Storm 100% sure")
    newsroom.draft("Calm")

    assert names(client, "/campaigns") == ["Calm", "Storm 100% sure"]
    assert names(client, "/campaigns?q=100%25") == ["Storm 100% sure"]
    assert names(client, "/campaigns?status=sent") == []
    assert names(client, "/campaigns?status=' OR 1=1") == ["Calm", "Storm 100% sure"]


def names(client: TestClient, path: str) -> list[str]:
    return re.findall(r'<a href="/campaigns/\d+">([^<]*)</a>', client.get(path).text)


def test_somebody_limited_to_topics_sees_and_sends_these_alone(
    client: TestClient, newsroom: Office
) -> None:
    newsroom.draft("Storm", "Pakistan")
    newsroom.draft("Calm", "Iran")
    enter(client, newsroom, hire(newsroom, "Ira", Role.EDITOR, "Iran"))

    assert names(client, "/campaigns") == ["Calm"]
    assert client.get("/campaigns/1").status_code == 404
    assert client.post("/campaigns/1/cancel").status_code == 404
    assert client.get("/campaigns/2").status_code == 200
    enter(client, newsroom, hire(newsroom, "Piet", Role.EDITOR, "Pakistan"))
    data = {"draft": "1", "revision": "1"}
    assert client.post("/campaigns", data=data).status_code == 403
    with Session(newsroom.engine) as session:
        assert len(session.exec(select(Campaign)).all()) == 2


ACTIONS: list[Callable[[str], str]] = [
    lambda path: f"{path}/pause",
    lambda path: f"{path}/cancel",
    lambda path: f"{path}/take-back",
    lambda path: f"{path}/schedule",
]


def test_a_viewer_looks_and_changes_nothing(
    client: TestClient, newsroom: Office
) -> None:
    path = make(client)
    enter(client, newsroom, hire(newsroom, "Vera", Role.VIEWER))

    assert client.get(path).status_code == 200
    assert "<form" not in client.get(f"{path}/live").text
    assert client.get(f"{path}/approve").status_code == 200
    for action in ACTIONS:
        assert client.post(action(path)).status_code == 403


def test_a_brief_can_go_to_a_segment_instead(
    client: TestClient, newsroom: Office, tmp_path: Path
) -> None:
    toml = '[[segment]]\nname = "The A"\nwhere = \'name = "Anne"\'\n'
    (tmp_path / "subscribers").mkdir()
    (tmp_path / "subscribers" / "segments.toml").write_text(toml)
    assert "<option>The A</option>" in client.get("/campaigns/new?draft=1").text
    data = {"draft": "1", "revision": "1", "segment": "The A"}

    assert client.post("/campaigns", data=data | {"segment": "B"}).status_code == 404
    client.post("/campaigns", data=data)

    assert newsroom.get(DryRun, 1).audience_size == 1
    assert newsroom.campaign().audience["where"] == 'name = "Anne"'
