"""Correcting at the command line, when that is all there is."""

import pytest

from flashmail import bootstrap
from flashmail.database import transaction
from flashmail.model import Campaign, CampaignStatus
from flashmail.settings import load
from shell import BRIEF, Home

WORDS = ("--words", "It was Tuesday.")


@pytest.fixture
def sent(home: Home) -> Home:
    """Campaign 1 went to Anne and Bart."""
    home.run("send", home.brief, "--yes", "--wait")
    return home


def test_who_got_it_gets_a_correction(sent: Home) -> None:
    mended = sent.file("mended.txt", BRIEF.replace("Monday", "Tuesday"))

    made = sent.json("campaign", "correct", "1", mended, *WORDS, "--yes")
    sent.run("campaign", "wait", str(made["note"]))

    assert made == {"campaign": 1, "note": 2, "rest": None}
    told = sent.json("campaign", "report", "2")
    assert (told["addressed"], told["states"]["sent"]) == (2, 2)


def test_without_a_word_it_is_only_stopped(sent: Home) -> None:
    with transaction(bootstrap.engine(load(sent.folder))) as session:
        session.get_one(Campaign, 1).status = CampaignStatus.PAUSED

    said = sent.run("campaign", "retract", "1", *WORDS, status=3)

    assert "approve campaign 2 in the pages" in said
    assert sent.json("campaign", "show", "1")["status"] == "cancelled"
    assert sent.json("campaign", "show", "2")["status"] == "draft"


def test_a_rehearsal_tells_whom_it_means(sent: Home) -> None:
    told = sent.json("campaign", "dry-run", "1")

    assert told["meant"] == 2
    assert told["refused"] == {}


def test_there_is_no_draft_nine(home: Home) -> None:
    assert "no draft 9" in home.run("campaign", "prepare", "9", status=2)
