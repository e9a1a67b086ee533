"""Drafts and preflight at the command line."""

import json
from pathlib import Path

import pytest

from flashmail import cli
from shell import Home
from test_writing import PASTED


def test_a_draft_is_begun_listed_and_shown(home: Home) -> None:
    made = home.json("draft", "new", home.file("rivers.txt", PASTED))

    (row,) = home.json("draft", "list")
    assert (made["draft"], row["title"]) == (1, "Ministers Agree on Open Rivers")
    assert made["doubts"][0]["line"] == 19
    assert "title: Ministers Agree on Open Rivers" in home.run("draft", "show", "1")
    assert home.json("draft", "list", "gauges")[0]["draft"] == 1
    assert home.json("draft", "list", "nowhere") == []


def test_preflight_blocks_until_the_quote_is_approved(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home.file("rivers.txt", PASTED.replace(" Iron", ""))
    home.run("draft", "new", file)

    assert "unapproved-quote" in codes(home.folder, file, capsys, status=3)
    home.run("draft", "approve", "1", "--by", "Jane Doe")
    assert "unapproved-quote" not in codes(home.folder, file, capsys, status=0)


def test_preflight_needs_no_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rivers.txt"
    file.write_text(PASTED)

    assert "unapproved-quote" in codes(tmp_path, str(file), capsys, status=0)
    assert list(tmp_path.iterdir()) == [file]


def codes(
    home: Path, file: str, capsys: pytest.CaptureFixture[str], *, status: int
) -> set[str]:
    """Return the codes of what a preflight finds, as a program reads them."""
    capsys.readouterr()
    words = ["--home", str(home), "preflight", file, "--no-links", "--json"]
    assert cli.run(words) == status
    return {each["code"] for each in json.loads(capsys.readouterr().out)}
