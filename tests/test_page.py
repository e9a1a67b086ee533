"""What every page has: the menu, and what the last deed has to say."""

from base64 import urlsafe_b64encode

import pytest
from fastapi.testclient import TestClient

from flashmail.web.page import MENU, NOTICE, done


def test_the_menu_leads_to_pages(client: TestClient) -> None:
    for entry in MENU:
        answer = client.get(entry.path)
        assert answer.status_code == 200, entry
        assert f'href="{entry.path}" aria-current="page"' in answer.text


def test_a_notice_is_shown_once(client: TestClient) -> None:
    answer = done("/outbox", "Anne was removed.", undo="/readers/1/back")
    client.cookies.set(
        NOTICE, answer.headers["set-cookie"].split("=", 1)[1].split(";")[0]
    )

    first = client.get("/outbox")

    assert "Anne was removed." in first.text
    assert 'action="/readers/1/back"' in first.text
    assert f'{NOTICE}=""' in first.headers["set-cookie"]


@pytest.mark.parametrize(
    "kept",
    ["x", "é", urlsafe_b64encode(b"[1]").decode(), urlsafe_b64encode(b"7").decode()],
)
def test_a_broken_notice_is_none(client: TestClient, kept: str) -> None:
    answer = client.get("/outbox", headers={b"Cookie": f"{NOTICE}={kept}".encode()})

    assert answer.status_code == 200
    assert 'class="notice"' not in answer.text


@pytest.mark.parametrize("undo", ["//evil.example", "https://evil.example", "/\\evil"])
def test_undo_stays_here(client: TestClient, undo: str) -> None:
    answer = done("/outbox", "Done.", undo=undo)
    client.cookies.set(
        NOTICE, answer.headers["set-cookie"].split("=", 1)[1].split(";")[0]
    )

    assert "evil" not in client.get("/outbox").text


def test_a_notice_is_text(client: TestClient) -> None:
    answer = done("/outbox", "<script>alert(1)</script>")
    client.cookies.set(
        NOTICE, answer.headers["set-cookie"].split("=", 1)[1].split(";")[0]
    )

    assert "<script>alert" not in client.get("/outbox").text
