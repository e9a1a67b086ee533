"""What is unknown: asked for, settled by what is learnt, and in the end by a person."""

from datetime import timedelta
from typing import Any

import httpx2 as httpx
import pytest
from pytest_httpserver import HTTPServer

from flashmail.database import reading, transaction
from flashmail.delivery.intervention import settle
from flashmail.errors import WrongInput
from flashmail.links import Purpose
from flashmail.model import DeliveryState
from flashmail.reports.undelivered import questions, unknown
from flashmail.tracking.recording import record
from flashmail.tracking.sendgrid_activity import ActivityClient, NoActivity, UnknownMail
from flashmail.transports import Outcome
from office import Office

S = DeliveryState
ANNE = UnknownMail(1, 1, "anne@example.org")


@pytest.fixture
def lost(office: Office) -> Office:
    """Nobody knows whether Anne got her mail."""
    office.subscribe("Anne", "Iran")
    office.post.outcome = Outcome.UNKNOWN
    office.schedule()
    office.send_all()
    return office


def asked(office: Office, **after: float) -> list[int]:
    """Return the campaigns that ask a person, so much time later."""
    with reading(office.engine) as session:
        now = office.now + timedelta(**after)
        return [each.mails for each in questions(session, now=now)]


def test_a_person_is_asked_after_three_days(lost: Office) -> None:
    assert asked(lost, hours=71) == []
    assert asked(lost, hours=73) == [1]
    assert asked(lost, days=100) == []


def test_it_is_told_whose_mail_it_is(lost: Office) -> None:
    lost.later(hours=80)
    with reading(lost.engine) as session:
        (one,) = unknown(session, now=lost.now)

    assert (one.campaign_id, one.address) == (1, "anne@example.org")
    assert one.reason == "the server said unknown"


def test_a_later_event_settles_it(lost: Office) -> None:
    lost.hear("delivered")

    assert lost.states() == {S.DELIVERED: 1}
    assert asked(lost, hours=73) == []


@pytest.mark.parametrize("state", [S.SENT, S.FAILED])
def test_a_person_may_settle_it(lost: Office, state: DeliveryState) -> None:
    with transaction(lost.engine) as session:
        count = settle(session, 1, state, by="Edna", now=lost.now)

    assert count == 1
    assert lost.states() == {state: 1}
    assert lost.reason() == f"taken for {state} by Edna"


def test_only_what_is_unknown_is_settled(lost: Office) -> None:
    lost.hear("bounce")
    with transaction(lost.engine) as session:
        assert settle(session, 1, S.SENT, by="Edna", now=lost.now) == 0
        with pytest.raises(WrongInput):
            settle(session, 1, S.SKIPPED, by="Edna", now=lost.now)

    assert lost.states() == {S.BOUNCED: 1}


def history(office: Office, *events: dict[str, Any], token: str = "") -> dict[str, Any]:
    """Return a mail's history, in SendGrid's form."""
    own = token or office.token(Purpose.WATCH)
    return {
        "msg_id": "abc/1.0",
        "to_email": ANNE.address,
        "unique_args": f'{{"fm_delivery": "{own}"}}',
        "events": list(events),
    }


def ask(office: Office, server: HTTPServer, told: dict[str, Any]) -> int:
    """Let SendGrid know one mail; return how many events that makes."""
    server.expect_request("/v3/messages").respond_with_json(
        {"messages": [{"msg_id": "abc/1.0"}]}
    )
    server.expect_request("/v3/messages/abc/1.0").respond_with_json(told)
    with httpx.Client(base_url=server.url_for("")) as client:
        activity = ActivityClient(client, office.tokens, sleep=lambda seconds: None)
        events = activity.events(ANNE, now=office.now)
    with transaction(office.engine) as session:
        return record(session, events)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ({"event_name": "processed"}, S.SENT),
        ({"event_name": "delivered", "processed": "2026-03-02T12:00:05Z"}, S.DELIVERED),
        ({"event_name": "bounced", "bounce_type": "hard"}, S.BOUNCED),
        ({"event_name": "bounced", "bounce_type": "soft"}, S.FAILED),
        ({"event_name": "blocked"}, S.FAILED),
        ({"event_name": "dropped", "reason": "Invalid"}, S.FAILED),
        ({"event_name": "open"}, S.UNKNOWN),
        ({"event_name": "surprise"}, S.UNKNOWN),
    ],
)
def test_sendgrids_history_settles_it(
    lost: Office, httpserver: HTTPServer, event: dict[str, Any], state: DeliveryState
) -> None:
    ask(lost, httpserver, history(lost, event))

    assert lost.states() == {state: 1}


def test_asked_twice_it_happened_once(lost: Office, httpserver: HTTPServer) -> None:
    told = history(lost, {"event_name": "processed"}, {"event_name": "delivered"})

    assert (ask(lost, httpserver, told), ask(lost, httpserver, told)) == (2, 0)


def test_the_history_of_another_mail_says_nothing(
    lost: Office, httpserver: HTTPServer
) -> None:
    other = lost.token(Purpose.WATCH, 2)
    told = history(lost, {"event_name": "bounced"}, token=other)

    assert ask(lost, httpserver, told) == 0
    assert lost.states() == {S.UNKNOWN: 1}


@pytest.mark.parametrize("arguments", ["", "{", "[]", '{"fm_delivery": 7}', None, 5])
def test_arguments_that_make_no_sense_say_nothing(
    lost: Office, httpserver: HTTPServer, arguments: object
) -> None:
    told = history(lost, {"event_name": "bounced"}) | {"unique_args": arguments}

    assert ask(lost, httpserver, told) == 0


@pytest.mark.parametrize(
    ("status", "why"), [(403, "add-on"), (401, "add-on"), (500, "answered 500")]
)
def test_sendgrid_may_not_tell(
    lost: Office, httpserver: HTTPServer, status: int, why: str
) -> None:
    httpserver.expect_request("/v3/messages").respond_with_data("", status=status)
    with (
        httpx.Client(base_url=httpserver.url_for("")) as client,
        pytest.raises(NoActivity, match=why),
    ):
        ActivityClient(client, lost.tokens).events(ANNE, now=lost.now)


def test_sendgrid_may_want_patience(lost: Office, httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/v3/messages").respond_with_data(
        "", status=429, headers={"Retry-After": "7"}
    )
    httpserver.expect_ordered_request("/v3/messages").respond_with_json({})
    waited: list[float] = []
    with httpx.Client(base_url=httpserver.url_for("")) as client:
        found = ActivityClient(client, lost.tokens, sleep=waited.append).events(
            ANNE, now=lost.now
        )

    assert (found, waited) == ([], [7.0])
