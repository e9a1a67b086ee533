"""Behind a proxy: whose word is taken for where somebody comes from."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count

import httpx2 as httpx
import pytest

from flashmail.web.public.signup_limits import FROM_ONE
from shell import Home

#: Asks to join, coming from somewhere if one believes it; returns the status.
Join = Callable[[str], int]


@pytest.fixture
def serve(home: Home) -> Iterator[Callable[[str], Join]]:
    """Serve an installation that believes these proxies."""
    with ExitStack() as ends:

        def begin(proxies: str) -> Join:
            file = home.folder / ".env"
            file.write_text(
                f"{file.read_text()}\nFLASHMAIL_TRUSTED_PROXIES={proxies}\n"
            )
            port = free_port()
            words = ["--home", str(home.folder), "serve", "--port", str(port)]
            server = subprocess.Popen([sys.executable, "-m", "flashmail", *words])
            ends.callback(end, server)
            client = ends.enter_context(
                httpx.Client(base_url=f"http://127.0.0.1:{port}")
            )
            wait_for(client)
            return joining(client)

        yield begin


def end(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGTERM)
    server.wait(20)


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


def wait_for(client: httpx.Client) -> None:
    for _ in range(200):
        try:
            client.get("/healthz")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("it does not answer")


def joining(client: httpx.Client) -> Join:
    numbers = count()

    def join(came_from: str) -> int:
        form = {
            "address": f"a{next(numbers)}@example.com",
            "topic": "1",
            "often": "instant",
        }
        headers = {"X-Forwarded-For": came_from}
        return client.post("/join", data=form, headers=headers).status_code

    return join


@pytest.mark.parametrize("proxies", ["", "192.0.2.1,10.0.0.0/8"])
def test_nobody_else_says_where_somebody_comes_from(
    serve: Callable[[str], Join], proxies: str
) -> None:
    join = serve(proxies)

    said = [join(f"198.51.100.{n}") for n in range(FROM_ONE + 1)]

    assert said == [200] * FROM_ONE + [429]


@pytest.mark.parametrize("proxies", ["127.0.0.1", "192.0.2.1, 127.0.0.0/8"])
def test_a_proxy_that_is_ours_says_where_somebody_comes_from(
    serve: Callable[[str], Join], proxies: str
) -> None:
    join = serve(proxies)

    said = [join("198.51.100.1") for _ in range(FROM_ONE + 1)]
    assert said == [200] * FROM_ONE + [429]

    # What the visitor wrote before it is the visitor's word, not the proxy's.
    assert join("198.51.100.77, 198.51.100.1") == 429
    assert join("198.51.100.2") == 200
