"""The command line: the whole way of a brief, and what is said when it goes wrong."""

import json
import re
import shutil
import stat
import subprocess
import sys
import time
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from flashmail.home import packaged
from shell import BRIEF, ROSTER, Home

REAL = Path(__file__).parents[2] / "shared" / "briefs"


def test_a_first_mail_needs_three_commands(home: Home) -> None:
    sent = home.json("send", home.brief, "--yes", "--wait")
    told = home.json("campaign", "report", str(sent["campaign"]))

    assert set(home.mails) == {"anne@example.org", "bart@example.org"}
    assert (told["status"], told["addressed"], told["states"]["sent"]) == ("sent", 2, 2)


def test_the_mail_can_be_read_by_another_program(home: Home) -> None:
    home.run("send", home.brief, "--yes", "--wait")

    mail = message_from_bytes(home.mails["anne@example.org"], policy=policy.default)
    text = mail.get_body(("plain",))

    assert mail["Subject"] == "A Port Reopens"
    assert text is not None
    assert "The port opened again on Monday." in text.get_content()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_nobody_is_mailed_without_an_approval(home: Home) -> None:
    assert "a person has to approve" in home.run("send", home.brief, status=3)
    assert home.mails == {}
    assert home.json("campaign", "list") == []


def test_json_stands_alone_on_standard_output(home: Home) -> None:
    assert home.run("send", home.brief, "--yes", "--json").strip() == '{"campaign": 1}'


def test_a_sent_brief_is_not_sent_again_by_a_worker(home: Home) -> None:
    home.run("send", home.brief, "--yes", "--wait")
    another = home.file("b.txt", BRIEF.replace("Iran Pakistan", "Pakistan"))

    home.run("send", another, "--yes", "--wait")

    assert len(list((home.folder / "outbox" / "new").iterdir())) == 3
    assert home.json("campaign", "report", "1")["addressed"] == 2
    assert home.json("campaign", "report", "2")["addressed"] == 1


def test_deliveries_are_listed_one_a_line(home: Home) -> None:
    home.run("send", home.brief, "--yes", "--wait")

    lines = home.run("campaign", "deliveries", "1", "--json").splitlines()

    assert [json.loads(line)["address"] for line in lines] == [
        "anne@example.org",
        "bart@example.org",
    ]
    assert set(json.loads(lines[0])) == {"address", "state", "reason", "attempts"}


def test_a_campaign_can_be_looked_at_and_cancelled(home: Home) -> None:
    home.run("send", home.brief, "--yes", "--at", "2127-03-01 09:00 Europe/Paris")

    assert home.json("campaign", "show", "1")["status"] == "scheduled"
    home.run("campaign", "cancel", "1")
    assert home.json("campaign", "list")[0]["status"] == "cancelled"
    assert "is cancelled" in home.run("campaign", "resume", "1", status=2)


def test_what_speaks_against_a_brief_is_said_before_it_goes(home: Home) -> None:
    home.run("send", home.brief, "--yes")

    assert "warns: the words of Jane Doe are approved by nobody here" in home.said


def test_a_brief_that_was_sent_already_is_warned_about(home: Home) -> None:
    home.run("send", home.brief, "--yes", "--wait")
    assert "already" not in home.said

    home.run("send", home.brief, "--yes")

    assert "warns: this very brief is campaign 1 already" in home.said


def test_a_missed_campaign_goes_when_a_person_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.run("send", home.brief, "--yes")
    monkeypatch.setenv("FLASHMAIL_MISSED_AFTER_SECONDS", "1")
    time.sleep(1.1)
    assert "missed" in home.run("campaign", "wait", "1", status=3)

    monkeypatch.delenv("FLASHMAIL_MISSED_AFTER_SECONDS")
    home.run("campaign", "reschedule", "1")
    home.run("campaign", "wait", "1")

    assert home.json("campaign", "report", "1")["states"]["sent"] == 2


def test_a_copy_of_an_installation_asks_before_it_sends(
    home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home.run("send", home.brief, "--yes", "--wait")
    copy = tmp_path_factory.mktemp("copy") / "home"
    shutil.copytree(home.folder, copy)
    there = Home(copy, home.capsys)

    assert "is a copy" in there.run("send", home.brief, "--yes", "--wait", status=3)
    there.run("adopt")
    there.run("campaign", "reschedule", "2")
    there.run("campaign", "wait", "2")
    assert there.json("campaign", "report", "2")["states"]["sent"] == 2


def test_it_says_why_somebody_got_a_brief_or_did_not(home: Home) -> None:
    home.run("send", home.brief, "--yes", "--wait")

    anne = home.json("why", "Anne@example.org", home.brief)
    dave = home.json("why", "dave@example.org", home.brief)

    assert anne["included"]
    assert (anne["past"][0]["campaign"], anne["past"][0]["state"]) == (1, "sent")
    assert "follows Iran" in anne["reason"]
    assert not dave["included"]
    assert "unsubscribed" in dave["reason"]
    assert dave["past"][0]["state"] == "not addressed"


def test_people_are_added_and_removed_one_by_one(home: Home) -> None:
    home.run("subscribers", "add", "emma@example.org", "--topic", "Iran")
    assert home.json("audience", home.brief)["total"] == 3

    home.run("subscribers", "remove", "emma@example.org")
    assert home.json("audience", home.brief)["total"] == 2
    home.run("subscribers", "import", home.file("e.csv", "address\nemma@example.org"))
    assert home.json("audience", home.brief)["total"] == 2


def test_an_export_can_be_imported_again(home: Home) -> None:
    out = str(home.folder / "out.csv")
    home.run("subscribers", "export", "-o", out)

    told = home.json("subscribers", "import", out)

    assert (told["rows"], told["unchanged"], told["kept_out"]) == (4, 4, 0)


def test_segments_are_counted(home: Home) -> None:
    assert {"name": "Region", "count": 1} in home.json("segment", "list")
    assert home.json("segment", "count", "Region")["total"] == 1


def test_init_makes_a_key_that_only_its_owner_reads(bare: Home) -> None:
    bare.run("init")
    env = bare.folder / ".env"
    key = re.search(r"^FLASHMAIL_SECRET_KEY=(\w+)$", env.read_text(), re.MULTILINE)

    bare.run("init")

    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert key is not None
    assert len(key[1]) == 64
    assert key[1] in env.read_text(), "a second init keeps it"


def test_a_brief_is_shown_without_any_settings(bare: Home) -> None:
    shown = bare.json("brief", "show", bare.brief)

    assert shown["title"] == "A Port Reopens"
    assert shown["topics"] == ["Iran", "Pakistan"]
    assert shown["quotes"][0]["person"] == "Jane Doe"
    assert not (bare.folder / "flashmail.db").exists()


@pytest.mark.parametrize("kind", ["html", "text", "mjml", "eml"])
def test_a_brief_is_rendered(bare: Home, kind: str) -> None:
    out = bare.folder / "out"

    bare.run("brief", "render", bare.brief, "--format", kind, "-o", str(out))

    made = out.read_text()
    assert "A Port Reopens" in made
    assert "\x01" not in made
    assert "qz" not in made.lower().replace("qzu", "") or kind == "mjml"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("brief", "show", "missing.txt"), "missing.txt"),
        (("brief", "show", "empty.txt"), "error: "),
        (("send", "brief.txt", "--at", "soon", "--yes"), "is no time"),
        (("send", "brief.txt", "--at", "2020-01-01T00:00Z"), "is past already"),
        (("send", "brief.txt", "--urgent", "--at", "x"), "leave --at or --urgent out"),
        (("send", "brief.txt", "--segment", "Nope", "--yes"), "no segment 'Nope'"),
        (("send", "brief.txt", "--template", "nope", "--yes"), "nope"),
        (("campaign", "report", "9"), "there is no campaign 9"),
        (("audience",), "name a brief or a --segment"),
        (("subscribers", "import", "missing.csv"), "missing.csv"),
        (("subscribers", "import", "empty.txt"), "error: "),
    ],
)
def test_wrong_input_is_said_and_leaves_nothing(
    home: Home, words: tuple[str, ...], complaint: str
) -> None:
    home.file("empty.txt", "")

    assert complaint in home.run(*words, status=2)
    assert home.json("campaign", "list") == []


@pytest.mark.parametrize(
    ("url", "status", "complaint"),
    [
        ("nonsense:secret", 2, "FLASHMAIL_DATABASE_URL is no address"),
        ("mysql://u:secret@h/d", 2, "mysql is no database flashmail knows"),
        ("postgresql://u:secret@127.0.0.1:9/d", 1, "the database cannot be used"),
        ("sqlite:////nowhere/at/all.db", 1, "the database cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used_is_said(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    status: int,
    complaint: str,
) -> None:
    monkeypatch.setenv("FLASHMAIL_DATABASE_URL", url)

    said = home.run("campaign", "list", status=status)

    assert complaint in said
    assert "secret" not in said
    assert "Traceback" not in said


def test_without_settings_nothing_is_sent(bare: Home) -> None:
    complaint = bare.run("send", bare.brief, "--yes", status=2)

    assert "FLASHMAIL_SECRET_KEY is missing" in complaint
    assert "flashmail init" in complaint


def test_the_audience_says_why(home: Home) -> None:
    told = home.json("audience", home.brief)

    assert told["total"] == 2


def test_templates_have_nothing_to_mend(bare: Home) -> None:
    assert bare.json("template", "check") == []


def test_the_demo_runs_without_anything(bare: Home) -> None:
    printed = bare.run("demo")

    assert "invented people imported" in printed
    assert "opened" in printed
    assert (bare.folder / "demo" / "outbox" / "new").exists()


def test_the_demo_can_be_played_again(bare: Home) -> None:
    bare.run("demo")
    bare.run("demo", bare.brief)


def test_the_demo_throws_nothing_of_ours_away(bare: Home) -> None:
    (bare.folder / "demo").mkdir()
    (bare.folder / "demo" / "precious").touch()

    assert "move it out of the way" in bare.run("demo", status=2)
    assert (bare.folder / "demo" / "precious").exists()


@pytest.mark.skipif(not REAL.exists(), reason="the institute's own brief is not here")
def test_a_real_brief_is_read_whole(bare: Home) -> None:
    for file in REAL.glob("*.txt"):
        shown = bare.json("brief", "show", str(file))

        assert len(shown["quotes"]) == 2
        assert all(each["person"] and each["role"] for each in shown["quotes"])
        assert [each["kind"] for each in shown["sections"]][-1] == "background"
        assert len(shown["related"]) == 3
        assert len(shown["topics"]) == 4
        assert shown["warnings"] == []
        bare.run("demo", str(file))


@pytest.mark.slow
def test_it_is_a_command_of_the_shell(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "flashmail", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    assert answer.stdout.startswith("flashmail 0.")


def test_everything_that_travels_in_the_wheel_is_here() -> None:
    for name in ("templates", "subscribers/topics.toml", "subscribers/example.csv"):
        assert packaged(name).exists()


def test_a_person_can_have_all_data_and_be_erased(home: Home) -> None:
    kept = json.loads(home.run("subscribers", "data", "anne@example.org"))
    assert kept["subscription"][0]["topic"] == "Iran"

    home.run("subscribers", "erase", "anne@example.org", status=3)
    home.run("subscribers", "erase", "anne@example.org", "--yes")

    home.run("subscribers", "data", "anne@example.org", status=2)
    again = home.json("subscribers", "import", home.file("again.csv", ROSTER))
    assert again["kept_out"] == 1
