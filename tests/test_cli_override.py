"""What blocks in the pages blocks at the command line, or somebody answers for it."""

import json

import pytest
from sqlmodel import Session, select

from flashmail import bootstrap, cli
from flashmail.model import AuditEntry, Campaign, SelfApproval
from flashmail.settings import load
from shell import BRIEF, Home

UNFINISHED = BRIEF.replace("on Monday", "on TK")
REASON = "The word stands so in the source."


def kept(home: Home, table: type) -> list[object]:
    with Session(bootstrap.engine(load(home.folder))) as session:
        return list(session.exec(select(table)))


@pytest.mark.parametrize("words", [(), ("--override", "dead-link", "--reason", REASON)])
def test_what_blocks_is_not_sent(home: Home, words: tuple[str, ...]) -> None:
    file = home.file("b.txt", UNFINISHED)

    said = home.run("send", file, "--yes", *words, status=3)

    assert "blocks: " in said
    assert "mend placeholder" in said
    assert kept(home, Campaign) == []


def test_preflight_and_send_name_the_same(home: Home) -> None:
    file = home.file("b.txt", UNFINISHED)
    home.run("send", file, "--yes", status=3)
    sent = {line for line in home.said.splitlines() if line.startswith("blocks: ")}

    home.capsys.readouterr()
    assert cli.run(["--home", str(home.folder), "preflight", file, "--no-links"]) == 3
    told = home.capsys.readouterr().out.splitlines()

    assert sent
    assert sent == {line for line in told if line.startswith("blocks: ")}


def test_somebody_answers_for_what_they_name_and_all_are_told(home: Home) -> None:
    home.run("staff", "add", "Ada Roe", "ada@example.org", "--role", "admin")
    file = home.file("b.txt", UNFINISHED)
    answer = ("--override", "placeholder", "--reason", REASON)

    home.run("send", file, "--yes", *answer)

    [alone] = kept(home, SelfApproval)
    assert isinstance(alone, SelfApproval)
    assert alone.reason == f"{REASON} (despite placeholder)"
    entries = [each for each in kept(home, AuditEntry) if isinstance(each, AuditEntry)]
    [entry] = [each for each in entries if each.action == "override"]
    assert entry.detail == {"codes": ["placeholder"], "reason": REASON}
    home.run("campaign", "wait", "1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--override", "placeholder"), "by --reason"),
        (("--override", "placeholder", "--reason", "because"), "by --reason"),
        (("--override", "embargo", "--reason", REASON), "nothing overrides embargo"),
        (("--override", "unsubscribe", "--reason", REASON), "nothing overrides"),
    ],
)
def test_nothing_is_passed_without_a_reason_and_some_things_never(
    home: Home, words: tuple[str, ...], said: str
) -> None:
    file = home.file("b.txt", UNFINISHED)

    assert said in home.run("send", file, "--yes", *words, status=2)
    assert kept(home, Campaign) == []


def test_a_file_does_not_get_around_the_approval_of_a_draft(home: Home) -> None:
    home.run("draft", "new", home.brief)

    assert "unapproved-quote" in home.run("send", home.brief, "--yes", status=3)
    home.run("draft", "approve", "1", "--by", "Jane Doe")
    home.run("send", home.brief, "--yes")
    assert "approved by nobody" not in home.said


def test_a_correction_is_looked_at_as_well(home: Home) -> None:
    home.run("send", home.brief, "--yes", "--wait")
    mended = home.file("mended.txt", UNFINISHED)
    correct = (
        "campaign",
        "correct",
        "1",
        mended,
        "--words",
        "It was Tuesday.",
        "--yes",
    )

    assert "mend placeholder" in home.run(*correct, status=3)

    rows = json.loads(home.run("campaign", "list", "--json"))
    assert {row["status"] for row in rows} == {"draft", "sent"}
