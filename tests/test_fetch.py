"""Fetching what others name: never from inside our own network, never for long."""

import gzip
import time
from collections.abc import Callable
from ipaddress import ip_address
from socket import EAI_NONAME, gaierror

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from flashmail.fetch import (
    GUARD,
    CannotFetch,
    Guard,
    HostUnreachable,
    NotPublic,
    guarded,
    is_public,
)


def nobody_else(host: str, port: int) -> list[str]:
    """Every name is this machine."""
    return ["127.0.0.1"]


HERE = Guard(nobody_else, lambda address: True)


def at(server: HTTPServer, path: str, host: str = "news.example.org") -> str:
    return f"http://{host}:{server.port}{path}"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "ff02::1",
    ],
)
def test_what_is_not_public_is_not_asked(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_what_is_public_is_asked(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost"],
)
def test_this_machine_is_known_in_every_dress(host: str) -> None:
    with pytest.raises(NotPublic):
        guarded(f"http://{host}/", GUARD)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://example.org/",
        "ftp://example.org/",
        "javascript:alert(1)",
        "http://user:secret@example.org/",
        "http://example.org\\@evil.example/",
        "http://exa mple.org/",
        "http://example.org:99999/",
        "http:///nothing",
        "",
    ],
)
def test_only_plain_addresses_of_pages_are_asked(url: str) -> None:
    with pytest.raises(CannotFetch):
        guarded(url, HERE)


def test_a_name_with_one_private_address_is_refused() -> None:
    mixed = Guard(lambda host, port: ["93.184.216.34", "10.0.0.1"], is_public)

    with pytest.raises(NotPublic):
        guarded("http://mixed.example.org/", mixed)


def test_a_name_is_looked_up_once_and_that_address_is_asked(
    httpserver: HTTPServer,
) -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    httpserver.expect_request("/").respond_with_data("hello")
    fetched = guarded(at(httpserver, "/"), Guard(rebinding, lambda address: True))

    assert (fetched.body, asked) == (b"hello", ["news.example.org"])
    request, _ = httpserver.log[0]
    assert request.headers["Host"] == f"news.example.org:{httpserver.port}"


@pytest.mark.parametrize("to", ["http://169.254.169.254/", "file:///etc/passwd"])
def test_a_redirect_is_looked_at_like_the_first_address(
    httpserver: HTTPServer, to: str
) -> None:
    leads_on = Response(status=302, headers={"Location": to})
    httpserver.expect_request("/").respond_with_response(leads_on)
    only_here = Guard(
        lambda host, port: [host if host[0].isdigit() else "127.0.0.1"],
        lambda address: address.is_loopback,
    )

    with pytest.raises(CannotFetch):
        guarded(at(httpserver, "/"), only_here)


def test_redirects_are_followed_but_not_for_ever(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a").respond_with_response(
        Response(status=301, headers={"Location": "/b"})
    )
    httpserver.expect_request("/b").respond_with_data("there")
    httpserver.expect_request("/round").respond_with_response(
        Response(status=302, headers={"Location": "/round"})
    )

    assert guarded(at(httpserver, "/a"), HERE).body == b"there"
    with pytest.raises(CannotFetch, match="on and on"):
        guarded(at(httpserver, "/round"), HERE)


def answers(httpserver: HTTPServer, make: Callable[[Request], Response]) -> str:
    httpserver.expect_request("/page").respond_with_handler(make)
    return at(httpserver, "/page")


def test_a_page_without_end_is_broken_off(httpserver: HTTPServer) -> None:
    url = answers(
        httpserver, lambda request: Response(b"x" * 100_000 for _ in range(60))
    )

    with pytest.raises(CannotFetch, match="larger than 5 MB"):
        guarded(url, HERE)


def test_a_small_page_that_unpacks_to_a_large_one_is_refused(
    httpserver: HTTPServer,
) -> None:
    bomb = gzip.compress(b"0" * 20_000_000)
    packed = Response(bomb, headers={"Content-Encoding": "gzip"})
    url = answers(httpserver, lambda request: packed)

    with pytest.raises(CannotFetch, match="larger than 5 MB"):
        guarded(url, HERE)


def test_what_is_packed_unasked_is_read(httpserver: HTTPServer) -> None:
    packed = Response(gzip.compress(b"hello"), headers={"Content-Encoding": "gzip"})

    assert guarded(answers(httpserver, lambda _: packed), HERE).body == b"hello"


@pytest.mark.slow
def test_a_page_that_drips_is_broken_off_in_time(httpserver: HTTPServer) -> None:
    def drip() -> object:
        for _ in range(60):
            time.sleep(0.2)
            yield b"x"

    url = answers(httpserver, lambda request: Response(drip()))  # type: ignore[arg-type]
    begun = time.monotonic()

    with pytest.raises(HostUnreachable, match="longer than 5 s"):
        guarded(url, HERE)
    assert time.monotonic() - begun < 9


def test_a_name_that_does_not_exist_is_said_to_be_gone() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise gaierror(EAI_NONAME, "no such name")

    with pytest.raises(HostUnreachable) as refused:
        guarded("http://nowhere.example.org/", Guard(nowhere, is_public))
    assert refused.value.gone
