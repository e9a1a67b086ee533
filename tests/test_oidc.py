"""Signing in by another house's account: only staff, and only a word that holds."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from flashmail.model import Role
from flashmail.staff.oidc import OidcState, Provider
from newsroom import hire
from office import Office
from peers.oidc import CLIENT, SECRET, OidcPeer, oidc_peer, other_key

BACK = "http://127.0.0.1/sign-in/oidc/back"


@pytest.fixture
def peer(client: TestClient, office: Office) -> Iterator[OidcPeer]:
    """A provider that knows Edna, who is on the staff."""
    hire(office, "Edna", Role.EDITOR)
    with oidc_peer() as peer:
        assert isinstance(client.app, FastAPI)
        client.app.state.oidc = Provider(peer.issuer, CLIENT, SECRET, BACK)
        yield peer


def go(client: TestClient, peer: OidcPeer, next: str = "/campaigns") -> str:
    """Go to the provider, be let in there; return the path that leads back."""
    answer = client.get("/sign-in/oidc", params={"next": next})
    assert answer.status_code == 303
    return peer.code_for(answer.headers["location"]).removeprefix("http://127.0.0.1")


def test_who_is_on_the_staff_comes_in(client: TestClient, peer: OidcPeer) -> None:
    assert "house account" in client.get("/sign-in").text

    answer = client.get(go(client, peer))

    assert answer.headers["location"] == "/campaigns"
    assert client.get("/account").status_code == 200
    assert "Edna" in client.get("/account").text


def test_the_address_is_compared_as_everywhere(
    client: TestClient, peer: OidcPeer
) -> None:
    peer.email = "Edna@EXAMPLE.org"

    assert client.get(go(client, peer)).status_code == 303


def test_nobody_else_is_added(client: TestClient, peer: OidcPeer) -> None:
    peer.email = "stranger@example.org"

    answer = client.get(go(client, peer))

    assert answer.status_code == 403
    assert "on the staff" in answer.text
    assert client.get("/account").status_code == 303


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another house"},
        {"iss": "https://evil.example.net"},
        {"exp": 1},
        {"exp": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"email": ""},
    ],
)
def test_a_word_that_does_not_hold_lets_nobody_in(
    client: TestClient, peer: OidcPeer, claims: dict[str, object]
) -> None:
    peer.claims = claims

    assert client.get(go(client, peer)).status_code == 403
    assert client.get("/account").status_code == 303


def test_another_key_is_nobodys(client: TestClient, peer: OidcPeer) -> None:
    peer.signs_with = other_key()

    assert client.get(go(client, peer)).status_code == 403


def test_a_provider_that_says_it_is_another_is_left_alone(
    client: TestClient, peer: OidcPeer
) -> None:
    peer.said_issuer = "https://evil.example.net"

    assert client.get("/sign-in/oidc").status_code == 502


def test_an_answer_to_another_browser_is_refused(
    client: TestClient, peer: OidcPeer
) -> None:
    path = go(client, peer)
    client.cookies.clear()

    assert client.get(path).status_code == 403


def test_a_state_of_somebody_else_is_refused(
    client: TestClient, peer: OidcPeer
) -> None:
    path = go(client, peer)
    go(client, peer)

    assert client.get(path).status_code == 403


def test_a_code_counts_once(client: TestClient, peer: OidcPeer) -> None:
    path = go(client, peer)
    way = dict(client.cookies)
    assert client.get(path).status_code == 303
    client.cookies.update(way)

    assert client.get(path).status_code == 403


def test_somebody_elses_verifier_gets_nothing(
    client: TestClient, peer: OidcPeer
) -> None:
    path = go(client, peer)
    way = OidcState.read(client.cookies["flashmail-way"])
    client.cookies.clear()
    client.cookies.set(
        "flashmail-way", OidcState(way.state, way.nonce, "v" * 43, "/").write()
    )

    assert client.get(path).status_code == 403


@pytest.mark.parametrize("next", ["//evil.example.net", "https://evil.example.net"])
def test_it_leads_nowhere_else(client: TestClient, peer: OidcPeer, next: str) -> None:
    assert client.get(go(client, peer, next)).headers["location"] == "/"


def test_a_refusal_is_said(client: TestClient, peer: OidcPeer) -> None:
    go(client, peer)
    state = OidcState.read(client.cookies["flashmail-way"]).state

    answer = client.get(f"/sign-in/oidc/back?error=access_denied&state={state}")

    assert answer.status_code == 403


def test_without_a_provider_there_is_none(client: TestClient) -> None:
    assert client.get("/sign-in/oidc").status_code == 404
    assert "house account" not in client.get("/sign-in").text
