"""An installation as it stands in an office: processes, a mail server, PostgreSQL."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import Engine, text
from sqlmodel import SQLModel

from peers.sendgrid import SendGridPeer
from peers.smtp import SmtpPeer
from shell import BRIEF, ROSTER

pytestmark = pytest.mark.slow

FOLLOWERS = ["anne@example.org", "bart@example.org"]


class Installation:
    """A home, and commands that run in it as processes of their own."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.settings = {f"FLASHMAIL_{k}": v for k, v in settings.items()}
        (home / "brief.txt").write_text(BRIEF)
        (home / "people.csv").write_text(ROSTER)
        self.run("init")
        self.run("subscribers", "import", "people.csv")

    def process(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flashmail", *words],
            cwd=self.home,
            env=os.environ | self.settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> str:
        process = self.process(*words)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))

    def send(self, *words: str) -> dict[str, int]:
        """Send the brief from here; return the states that its deliveries are in."""
        sent = self.json("send", "brief.txt", "--yes", "--wait", *words)
        told = self.json("campaign", "report", str(sent["campaign"]))
        assert sum(told["states"].values()) == told["addressed"]
        return {state: n for state, n in told["states"].items() if n}


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[Installation, str]]:
    """An installation whose pages are served; the address of its pages."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    installation = Installation(tmp_path, BASE_URL=f"http://127.0.0.1:{port}")
    server = installation.process("serve", "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    eventually(lambda: get(f"{url}/healthz") == "ok")
    yield installation, url
    server.send_signal(signal.SIGTERM)
    _, err = server.communicate(timeout=20)
    assert "Traceback" not in err
    assert server.returncode in {0, -signal.SIGTERM}


def get(url: str) -> str:
    with urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def eventually(holds: Callable[[], object], seconds: float = 15) -> None:
    """Wait until something holds, or say that it never did."""
    end = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except (HTTPError, URLError, ConnectionError):
            pass
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.1)


def test_the_server_sends_what_others_schedule(
    serving: tuple[Installation, str],
) -> None:
    installation, url = serving
    installation.run("send", "brief.txt", "--yes")

    eventually(lambda: ">sent<" in get(f"{url}/campaigns/1"))
    outbox = get(f"{url}/outbox")

    assert sorted(re.findall(r"[a-z]+@example\.org", outbox)) == FOLLOWERS


def test_one_click_of_a_mail_program_works_over_the_wire(
    serving: tuple[Installation, str],
) -> None:
    installation, url = serving
    installation.run("send", "brief.txt", "--yes")
    eventually(lambda: ">sent<" in get(f"{url}/campaigns/1"))
    raw = [path.read_text() for path in (installation.home / "outbox/new").iterdir()]
    links = [re.search(r"^List-Unsubscribe: <(.+)>$", mail, re.M) for mail in raw]

    for link in links:
        assert link is not None
        body = b"List-Unsubscribe=One-Click"
        with urlopen(Request(link[1], data=body), timeout=5) as answer:
            assert (answer.status, answer.read()) == (200, b"")

    told = installation.json("campaign", "report", "1")
    assert told["unsubscribed"] == 2
    assert installation.json("audience", "brief.txt")["total"] == 0


def test_it_sends_through_a_mail_server(tmp_path: Path) -> None:
    with SmtpPeer() as peer:
        installation = Installation(
            tmp_path, TRANSPORT="smtp", SMTP_URL=f"smtp://127.0.0.1:{peer.port}"
        )

        assert installation.send() == {"sent": 2}
        assert sorted(peer.addresses) == FOLLOWERS
        assert peer.violations == []


def test_it_sends_through_sendgrid(tmp_path: Path) -> None:
    with SendGridPeer() as peer:
        installation = Installation(
            tmp_path,
            TRANSPORT="sendgrid",
            SENDGRID_API_KEY="SG.canary",
            SENDGRID_URL=peer.url,
        )

        assert installation.send() == {"sent": 2}
        assert sorted(peer.addresses) == FOLLOWERS
        assert len(peer.requests) == 1
        assert peer.requests[0].headers["authorization"] == "Bearer SG.canary"


def test_a_second_way_out_takes_over(tmp_path: Path) -> None:
    with SmtpPeer() as peer:
        installation = Installation(
            tmp_path,
            TRANSPORT="sendgrid",
            SENDGRID_API_KEY="SG.canary",
            SENDGRID_URL="http://127.0.0.1:9",
            FAILOVER="smtp",
            SMTP_URL=f"smtp://127.0.0.1:{peer.port}",
        )

        assert installation.send() == {"sent": 2}
        assert sorted(peer.addresses) == FOLLOWERS


def test_it_runs_on_postgresql(tmp_path: Path, postgresql: Engine) -> None:
    with postgresql.begin() as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(text(f'DROP TABLE IF EXISTS "{table}" CASCADE'))
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    try:
        url = postgresql.url.set(drivername="postgresql")
        installation = Installation(
            tmp_path, DATABASE_URL=url.render_as_string(hide_password=False)
        )

        assert installation.send() == {"sent": 2}
        assert installation.send("--urgent") == {"sent": 2}
    finally:
        SQLModel.metadata.create_all(postgresql)


def test_a_worker_ends_when_it_is_told_to(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    worker = installation.process("worker")
    assert worker.stderr is not None
    assert "at work" in worker.stderr.readline()

    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=20)

    assert worker.returncode == 0
