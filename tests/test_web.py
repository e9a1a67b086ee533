"""The web: what readers, providers and who sits at the machine can do."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount

from flashmail.links import Purpose
from flashmail.model import (
    DeliveryState,
    EventKind,
    Role,
    Subscriber,
    SubscriberStatus,
    Suppression,
)
from flashmail.web.policy import BEARER, EVERYONE, MACHINE, PROVIDER, BareRoute
from office import Office

DESTINATION = "https://www.example.org/report"
POLICIES = {BEARER, EVERYONE, MACHINE, PROVIDER, *(role.value for role in Role)}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def all_routes(app: FastAPI) -> Iterator[APIRoute | BareRoute]:
    """Every route of the application but the static files' folder."""
    for each in app.routes:
        inside = getattr(each, "original_router", None)
        for route in inside.routes if inside else [each]:
            if isinstance(route, APIRoute | BareRoute):
                yield route
            else:
                assert isinstance(route, Mount), f"{route} is of an unknown kind"


@pytest.fixture
def anne(office: Office) -> Office:
    """Anne has got a mail with one link in it."""
    office.topic("Iran")
    office.topic("Iran Politics", parent="Iran")
    office.topic("Pakistan")
    office.topic("Donors", private=True)
    office.subscribe("Anne", "Iran")
    office.schedule(links=(DESTINATION,))
    office.send_all()
    return office


def leave(office: Office) -> str:
    return f"/u/{office.token(Purpose.LEAVE)}"


def watch(office: Office, path: str) -> str:
    return path.format(office.token(Purpose.WATCH))


def test_every_route_declares_who_may_use_it(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    routes = list(all_routes(app))

    assert len(routes) >= 15
    for route in routes:
        assert (route.openapi_extra or {})["x-policy"] in POLICIES, route.path


@pytest.mark.parametrize(
    "body",
    [
        {"data": ONE_CLICK},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b""},
        {"content": b"\xff\x00", "headers": {"Content-Type": "multipart/form-data"}},
    ],
)
def test_one_click_unsubscribes_whatever_the_body(
    client: TestClient, anne: Office, body: dict[str, object]
) -> None:
    answer = client.post(leave(anne), **body)  # type: ignore[arg-type]

    assert (answer.status_code, answer.content) == (200, b"")
    assert "set-cookie" not in answer.headers
    assert anne.get(Suppression, "anne@example.org").reason == "unsubscribed"


def test_one_click_needs_no_user_agent(client: TestClient, anne: Office) -> None:
    client.headers.pop("user-agent")

    assert client.post(leave(anne), data=ONE_CLICK).status_code == 200


def test_a_hundred_clicks_are_one(client: TestClient, anne: Office) -> None:
    for _ in range(100):
        assert client.post(leave(anne), data=ONE_CLICK).status_code == 200

    assert anne.people(EventKind.UNSUBSCRIBED) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_only_a_post_unsubscribes(
    client: TestClient, anne: Office, method: str
) -> None:
    for path in ("/u/{}", "/p/{}"):
        client.request(method, path.format(anne.token(Purpose.LEAVE)))

    assert anne.get(Suppression, "anne@example.org") is None
    assert anne.get(Subscriber, 1).status is SubscriberStatus.ACTIVE


def test_the_button_unsubscribes_and_says_so(client: TestClient, anne: Office) -> None:
    asked = client.get(leave(anne))
    answer = client.post(leave(anne), data={"confirm": "yes"})

    assert "a…@example.org" in asked.text
    assert "anne@" not in asked.text
    assert "You are unsubscribed" in answer.text


def test_it_works_when_the_campaign_is_gone(client: TestClient, anne: Office) -> None:
    token = anne.token(Purpose.LEAVE, campaign=99)

    assert client.post(f"/u/{token}", data=ONE_CLICK).status_code == 200
    assert anne.get(Suppression, "anne@example.org") is not None


@pytest.mark.parametrize("path", ["/u/{}", "/p/{}", "/v/{}", "/c/{}/1"])
def test_a_forged_token_is_a_page_that_helps(
    client: TestClient, anne: Office, path: str
) -> None:
    answer = client.get(path.format("0" * 48))

    assert answer.status_code == 404
    assert "cut short" in answer.text


def test_a_forged_token_unsubscribes_nobody(client: TestClient, anne: Office) -> None:
    assert client.post("/u/" + "0" * 48, data=ONE_CLICK).status_code == 404
    assert client.post(leave(anne).replace("/u/", "/u/x")).status_code == 404
    assert client.post(watch(anne, "/u/{}")).status_code == 404

    assert anne.get(Suppression, "anne@example.org") is None


def test_a_click_leads_where_it_was_approved_to(
    client: TestClient, anne: Office
) -> None:
    answer = client.get(watch(anne, "/c/{}/1?url=https://evil.example.net/"))

    assert answer.status_code == 302
    assert answer.headers["location"] == DESTINATION
    assert answer.headers["referrer-policy"] == "same-origin"
    assert anne.people(EventKind.CLICKED) == 1


@pytest.mark.parametrize("number", ["0", "2", "-1", "x", "1e9"])
def test_there_is_no_other_link(client: TestClient, anne: Office, number: str) -> None:
    answer = client.get(watch(anne, f"/c/{{}}/{number}"))

    assert answer.status_code in {404, 422}
    assert "location" not in answer.headers


def test_the_pixel_notes_an_opening(client: TestClient, anne: Office) -> None:
    answer = client.get(watch(anne, "/o/{}.gif"))

    assert answer.headers["content-type"] == "image/gif"
    assert anne.people(EventKind.OPENED) == 1
    assert anne.states() == {DeliveryState.DELIVERED: 1}


def test_a_forged_pixel_is_still_a_picture(client: TestClient, anne: Office) -> None:
    answer = client.get("/o/nonsense.gif")

    assert (answer.status_code, answer.content[:3]) == (200, b"GIF")
    assert anne.people(EventKind.OPENED) == 0


def test_a_mail_in_the_browser_gives_nothing_away(
    client: TestClient, anne: Office
) -> None:
    answer = client.get(watch(anne, "/v/{}"))

    assert "Dear reader" in answer.text
    assert anne.token(Purpose.LEAVE) not in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_signed_webhook_is_applied(client: TestClient, anne: Office) -> None:
    body = anne.webhook.body("bounce", anne.token(Purpose.WATCH))

    answer = client.post(
        "/webhooks/sendgrid", content=body, headers=anne.webhook.headers(body)
    )

    assert answer.status_code == 204
    assert anne.states() == {DeliveryState.BOUNCED: 1}


def test_an_unsigned_webhook_is_refused(client: TestClient, anne: Office) -> None:
    body = anne.webhook.body("bounce", anne.token(Purpose.WATCH))

    assert client.post("/webhooks/sendgrid", content=body).status_code == 403
    assert anne.states() == {DeliveryState.SENT: 1}


def test_a_huge_webhook_is_refused_unread(client: TestClient) -> None:
    answer = client.post("/webhooks/sendgrid", content=b"[" * (2 * 1024 * 1024 + 1))

    assert answer.status_code == 413


HOUSE = ["/", "/campaigns/1", "/outbox", "/outbox/x", "/outbox/x/html", "/outbox/x/raw"]


@pytest.mark.parametrize("path", HOUSE)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "mail.example.org"},
        {"Host": "127.0.0.1.example.org"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
    ],
)
def test_the_house_is_for_who_sits_in_it(
    client: TestClient, anne: Office, path: str, headers: dict[str, str]
) -> None:
    answer = client.get(path, headers=headers)

    assert answer.status_code == 404
    assert "Storm" not in answer.text


@pytest.fixture
def stranger(client: TestClient) -> Iterator[TestClient]:
    with TestClient(client.app, client=("192.0.2.7", 4000)) as far_away:
        yield far_away


@pytest.mark.parametrize("path", HOUSE)
def test_the_house_is_closed_to_other_machines(stranger: TestClient, path: str) -> None:
    assert stranger.get(path, headers={"Host": "127.0.0.1"}).status_code == 404


def test_the_overview_links_to_the_report(client: TestClient, anne: Office) -> None:
    assert '<a href="/campaigns/1/report">Storm</a>' in client.get("/").text
    assert DESTINATION in client.get("/campaigns/1/report").text


def test_an_empty_house_says_how_to_begin(client: TestClient) -> None:
    assert "flashmail send" in client.get("/").text
    assert "The outbox is empty" in client.get("/outbox").text


def test_there_is_no_campaign_nine(client: TestClient) -> None:
    assert client.get("/campaigns/9").status_code == 404


def test_no_page_runs_a_script_but_ours(client: TestClient, anne: Office) -> None:
    for path in ("/", "/campaigns/1", "/outbox", leave(anne)):
        answer = client.get(path)

        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert not re.search("<script(?! src=.?/static/)", answer.text)
        assert not re.search(r" on\w+=", answer.text)


def test_looking_changes_nothing(client: TestClient, anne: Office) -> None:
    before = anne.report()

    for path in (*HOUSE, leave(anne), watch(anne, "/v/{}"), "/healthz"):
        client.get(path)

    assert anne.report() == before
