"""A restored backup and a copy: nothing is sent before a person has looked."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flashmail import cli, migrations
from flashmail.database import connect
from flashmail.model import CampaignStatus, DeliveryState
from office import Office
from peers.smtp import SmtpPeer
from trial import installed, keep_promises, send, smtp, taken_by_smtp, worker

PEOPLE = 12
DATABASE = "flashmail.db"
pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLASHMAIL_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("FLASHMAIL_SENDER", "Flash Briefs <briefs@example.org>")
    monkeypatch.setenv("FLASHMAIL_POSTAL_ADDRESS", "1 Long Street, Springfield")
    engine = connect(f"sqlite:///{tmp_path}/{DATABASE}")
    migrations.upgrade(engine)
    engine.dispose()
    return tmp_path


@pytest.fixture
def office(home: Path) -> Iterator[Office]:
    with installed(home, PEOPLE) as office:
        office.now = datetime.now(UTC)
        yield office


def restore(office: Office, home: Path, backup: Path) -> None:
    office.engine.dispose()
    for leftover in home.glob(f"{DATABASE}*"):
        leftover.unlink()
    shutil.copy(backup, home / DATABASE)


def test_what_went_out_since_the_backup_does_not_go_out_again(
    office: Office, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = home.parent / f"{home.name}-backup.db"
    with SmtpPeer() as peer:
        office.schedule("Monday")
        send(office, worker(office, smtp(peer), home))
        office.schedule("Tuesday")
        worker(office, smtp(peer), home).housekeep()
        office.engine.dispose()
        shutil.copy(home / DATABASE, backup)
        send(office, worker(office, smtp(peer), home))
        before = taken_by_smtp(office, peer)

        restore(office, home, backup)
        assert cli.run(["--home", str(home), "worker"]) == 3
        assert "restored from a backup" in capsys.readouterr().err
        assert cli.run(["--home", str(home), "adopt"]) == 0
        send(office, worker(office, smtp(peer), home))

        assert taken_by_smtp(office, peer) == before
    assert office.status(2) is CampaignStatus.PAUSED
    assert len(before) == len(set(before)) == 2 * PEOPLE


def test_a_copy_of_the_whole_home_sends_nothing(
    office: Office, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office.schedule("Monday")
    with SmtpPeer() as peer:
        send(office, worker(office, smtp(peer), home))
        taken = taken_by_smtp(office, peer)
    office.schedule("Tuesday")
    office.engine.dispose()
    copy = home.parent / f"{home.name}-copy"
    shutil.copytree(home, copy)

    assert cli.run(["--home", str(copy), "worker"]) == 3
    assert "copy" in capsys.readouterr().err
    assert keep_promises(office, taken, addressed=PEOPLE) == {
        DeliveryState.SENT: PEOPLE
    }
