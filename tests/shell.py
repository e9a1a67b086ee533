"""An installation in a folder, and a shell in it: fixtures for the command line."""

import json
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from flashmail import cli

BRIEF = """\
April 23, 2026 | Flash Brief

A Port Reopens

April 23, 2026 | Flash Brief

A Port Reopens

Latest Developments

The port opened again on Monday.

Expert Analysis

“It matters more than it seems.” — Jane Doe, Senior Fellow

A Port With a Past

It was closed for a year.

Ships and Straits,” by John Roe

Iran Pakistan
"""
ROSTER = """\
address,name,topics,status
anne@example.org,Anne,Iran,active
bart@example.org,Bart,Pakistan;Iran,active
cate@example.org,Cate,Iran Politics and Economy,active
dave@example.org,Dave,Iran,unsubscribed
"""


class Home:
    """An installation in a folder, and a shell in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.brief = self.file("brief.txt", BRIEF)

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def run(self, *words: str, status: int = 0) -> str:
        """Run a command; return what it printed, or what it complained about."""
        self.capsys.readouterr()
        ended = cli.run(["--home", str(self.folder), *words])
        out, err = self.capsys.readouterr()
        assert ended == status, err
        self.said = err
        return out if status == 0 else err

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))

    @property
    def mails(self) -> dict[str, bytes]:
        """The mails in the outbox, by address."""
        kept = (self.folder / "outbox" / "new").glob("*")
        raw = [path.read_bytes() for path in kept]
        return {str(message_from_bytes(each)["To"]).strip("<>"): each for each in raw}


@pytest.fixture
def bare(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Home:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "DATABASE_URL", "SECRET_KEY"):
        monkeypatch.delenv(f"FLASHMAIL_{name}", raising=False)
    return Home(tmp_path, capsys)


@pytest.fixture
def home(bare: Home) -> Home:
    """An installation with four people in it."""
    bare.run("init")
    bare.run("subscribers", "import", bare.file("people.csv", ROSTER))
    return bare
