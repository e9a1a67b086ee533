"""The command line about what came back: exports, engagement, unknown mails, seeds."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flashmail import bootstrap
from flashmail.database import transaction
from flashmail.links import Purpose
from flashmail.model import Delivery, DeliveryState, EventKind
from flashmail.settings import load
from flashmail.tracking.hits import Hit, keep
from shell import Home

GHOST = "email,subscribed_to_emails,labels\nzoe@example.org,true,iran\nnobody,true,\n"


def test_an_export_is_looked_at_and_brought_in(home: Home) -> None:
    export, kept = home.file("members.csv", GHOST), home.folder / "rejected.csv"

    (looked,) = home.json("subscribers", "preview", export)
    told = home.json("subscribers", "import", export, "--rejected", str(kept))

    assert (looked["format"], looked["problem"]) == ("Ghost", "")
    assert looked["columns"][2] == {"title": "labels", "field": "topics"}
    assert (told["added"], told["rejected"]) == (1, 1)
    with kept.open(newline="") as file:
        assert [row["email"] for row in csv.DictReader(file)] == ["nobody"]


def test_a_person_says_what_a_column_holds(home: Home) -> None:
    roster = home.file("r.csv", "Kontakt,x\nzoe@example.org,1\n")

    assert "no column 'address'" in home.run("subscribers", "import", roster, status=2)
    told = home.json("subscribers", "import", roster, "--column", "Kontakt=address")
    wrong = home.run("subscribers", "import", roster, "--column", "x", status=2)

    assert told["added"] == 1
    assert "Their title=address" in wrong


def read(home: Home) -> None:
    """Let Anne open her mail in a year's time."""
    settings = load(home.folder)
    at = datetime.now(UTC).replace(year=2126)
    seen = Hit(EventKind.OPENED, 1, 1, None, at, "Firefox/128.0", "")
    keep(bootstrap.engine(settings), [seen])


def test_engagement_is_told_judged_anew_and_erased(home: Home) -> None:
    home.run("send", home.brief, "--yes", "--wait")
    read(home)

    told = home.json("campaign", "report", "1")
    judged = home.json("events", "reclassify")
    again = home.run("events", "erase", status=2)
    erased = home.json("events", "erase", "--days", "1")

    assert told["opened"] == 1
    assert sum(told["engagement"]["opened"][who] for who in ("human", "unknown")) == 1
    assert judged == {"events": 1, "changed": 0}
    assert "FLASHMAIL_ENGAGEMENT_DAYS" in again
    assert erased == {"erased": 0}


def test_what_is_unknown_is_listed_and_settled(home: Home) -> None:
    home.run("send", home.brief, "--yes", "--wait")
    with transaction(bootstrap.engine(load(home.folder))) as session:
        session.get_one(Delivery, (1, 1)).state = DeliveryState.UNKNOWN

    assert home.json("unknown", "list") == []
    (row,) = home.json("unknown", "list", "--hours", "0")
    home.run("unknown", "settle", "1", "--as", "failed")

    assert (row["campaign"], row["address"]) == (1, "anne@example.org")
    assert home.json("campaign", "report", "1")["states"]["failed"] == 1
    assert "API_KEY is not set" in home.run("unknown", "ask", status=2)


def test_a_seed_in_time_is_no_alarm(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "FLASHMAIL_SEEDS is empty" in home.run("seeds", "check", status=2)
    new = tmp_path / "gmail" / "new"
    new.mkdir(parents=True)
    monkeypatch.setenv("FLASHMAIL_SEEDS", f"gmail={tmp_path / 'gmail'}")
    roster = home.file("s.csv", "address,topics,seed\nanne@example.org,Iran,gmail\n")
    home.run("subscribers", "import", roster)
    home.run("send", home.brief, "--urgent", "--yes", "--wait")
    token = bootstrap.tokens(load(home.folder)).write(Purpose.WATCH, 1, 1)
    (new / "1").write_text(f"Message-ID: <{token}@example.org>\n\nx\n")

    (anne,) = home.json("seeds", "check")

    assert anne["provider"] == "gmail"
    assert anne["says"].startswith("in the inbox after")
