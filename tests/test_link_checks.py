"""Links are followed before a mail that holds them goes out."""

from collections.abc import Callable
from socket import EAI_NONAME, gaierror

import pytest
from pytest_httpserver import HTTPServer

from flashmail.campaigns.link_checks import request_checks, run_checks
from flashmail.database import transaction
from flashmail.fetch import Guard, is_public
from flashmail.model import LinkCheck, LinkState
from office import Office

Resolve = Callable[[str, int], list[str]]


def follow(
    office: Office, url: str, guard: Guard, *, again: bool = True
) -> tuple[LinkState, str]:
    """Have a link followed; return what was found."""
    with transaction(office.engine) as session:
        request_checks(session, [url], now=office.now)
    assert (run_checks(office.engine, guard, clock=lambda: office.now) == 1) is again
    check: LinkCheck = office.get(LinkCheck, url)
    return check.state, check.note


def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


HERE = Guard(here, lambda address: True)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, LinkState.ALIVE),
        (404, LinkState.DEAD),
        (410, LinkState.DEAD),
        (403, LinkState.UNSURE),
        (429, LinkState.UNSURE),
        (503, LinkState.UNSURE),
    ],
)
def test_an_answer_says_how_a_link_is(
    office: Office, httpserver: HTTPServer, status: int, state: LinkState
) -> None:
    httpserver.expect_request("/report").respond_with_data("x", status=status)

    found = follow(office, httpserver.url_for("/report"), HERE)

    assert found == (state, f"it answered {status}")


def test_a_link_into_a_private_network_is_dead(office: Office) -> None:
    state, note = follow(office, "http://intranet.example.org/", Guard(here, is_public))

    assert (state, note) == (LinkState.DEAD, "it is not on the public internet")


def named(*known: str) -> Resolve:
    def resolve(host: str, port: int) -> list[str]:
        if host not in known:
            raise gaierror(EAI_NONAME, "no such name")
        return ["93.184.216.34"]

    return resolve


def test_a_host_that_does_not_exist_is_dead(office: Office) -> None:
    guard = Guard(named("example.com"), is_public)

    assert follow(office, "http://gone.example.org/", guard)[0] is LinkState.DEAD


def test_without_a_network_nothing_is_called_dead(office: Office) -> None:
    guard = Guard(named(), is_public)

    assert follow(office, "http://gone.example.org/", guard)[0] is LinkState.UNSURE


def test_what_was_followed_a_moment_ago_is_not_followed_again(
    office: Office, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/report").respond_with_data("x")
    url = httpserver.url_for("/report")
    follow(office, url, HERE)
    office.later(hours=1)
    follow(office, url, HERE, again=False)
    office.later(hours=12)
    follow(office, url, HERE)

    assert len(httpserver.log) == 2


def test_a_campaign_has_its_links_followed(office: Office) -> None:
    office.draft(links=("https://www.example.org/report",))

    check = office.get(LinkCheck, "https://www.example.org/report")
    assert check.state is LinkState.ASKED
