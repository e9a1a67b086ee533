"""The journal: what a worker marked survives it, and shuts the sleeping out."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flashmail.delivery.journal import (
    SOON,
    TOGETHER,
    Journal,
    is_dead,
    of_the_dead,
    read,
    remove,
    shut_out,
)
from flashmail.transports import Fenced

NAME = "host:1:a"


def armed(folder: Path, batch_id: int, fence: int) -> set[int] | None:
    marked, _ = read(folder, NAME, batch_id, fence)
    return None if marked is None else set(marked)


def accepted(folder: Path, batch_id: int, fence: int) -> set[int]:
    return set(read(folder, NAME, batch_id, fence)[1])


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path, NAME)
    journal.open()
    yield journal
    journal.close()


def test_whom_it_armed_is_read_again(journal: Journal, tmp_path: Path) -> None:
    journal.arm(7, 1, [3, 5])

    assert armed(tmp_path, 7, 1) == {3, 5}


def test_a_mark_counts_for_one_claim(journal: Journal, tmp_path: Path) -> None:
    journal.arm(7, 1, [3])

    assert armed(tmp_path, 7, 2) == set()
    assert armed(tmp_path, 8, 1) == set()


def test_old_marks_are_written_over(journal: Journal, tmp_path: Path) -> None:
    journal.arm(7, 1, [3, 5])
    journal.rewind()
    journal.arm(8, 1, [9])

    assert armed(tmp_path, 8, 1) == {9}
    assert (tmp_path / NAME).stat().st_size == 1 << 20


def test_a_journal_that_is_elsewhere_says_nothing(tmp_path: Path) -> None:
    assert armed(tmp_path, 7, 1) is None
    assert not is_dead(tmp_path, NAME)


def test_a_torn_mark_is_no_mark(journal: Journal, tmp_path: Path) -> None:
    journal.arm(7, 1, [3])
    journal.arm(7, 1, [5])
    whole = (tmp_path / NAME).read_bytes().rstrip(b"\0")
    (tmp_path / NAME).write_bytes(whole[:-6] + bytes(6))

    assert armed(tmp_path, 7, 1) == {3}


def power_cut(folder: Path) -> None:
    """Let the journal be of another boot, and lose what was never synced."""
    with (folder / NAME).open("r+b") as file:
        file.write(b"another boot, so")


def test_after_a_power_cut_all_may_be_out_who_were_marked_together(
    journal: Journal, tmp_path: Path
) -> None:
    journal.begin(7, 1, range(1, 1001))
    journal.arm(7, 1, [1, 2])
    assert armed(tmp_path, 7, 1) == {1, 2}, "a worker that dies leaves only these"

    power_cut(tmp_path)

    assert armed(tmp_path, 7, 1) == set(range(1, TOGETHER + 1))


def test_the_next_are_marked_when_a_turn_comes_that_was_not(
    journal: Journal, tmp_path: Path
) -> None:
    journal.begin(7, 1, range(1, 1001))
    for number in range(1, TOGETHER + 2):
        journal.arm(7, 1, [number])

    power_cut(tmp_path)

    assert armed(tmp_path, 7, 1) == set(range(1, 2 * TOGETHER + 1))


def test_whose_turn_was_not_foreseen_is_marked_all_the_same(
    journal: Journal, tmp_path: Path
) -> None:
    journal.begin(7, 1, [3, 5])
    journal.arm(7, 1, [9])

    power_cut(tmp_path)

    assert armed(tmp_path, 7, 1) == {3, 5, 9}


def test_a_mark_that_could_not_be_synced_is_made_again(
    journal: Journal, tmp_path: Path
) -> None:
    journal.begin(7, 1, [3, 5])
    whole, journal._handle = journal._handle, os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(Fenced, match="No space left"):
        journal.arm(7, 1, [3])
    journal._handle = whole
    journal.arm(7, 1, [3])

    power_cut(tmp_path)

    assert armed(tmp_path, 7, 1) == {3}


def test_who_was_accepted_stands_before_whoever_comes_next(
    journal: Journal, tmp_path: Path
) -> None:
    async def play() -> None:
        journal.arm(7, 1, [3])
        journal.accept(7, 1, [3])
        journal.arm(7, 1, [5])
        assert accepted(tmp_path, 7, 1) == {3}

    asyncio.run(play())


def test_who_was_shut_out_arms_nothing_more(journal: Journal, tmp_path: Path) -> None:
    journal.arm(7, 1, [3])
    shut_out(tmp_path, NAME, 7, 1)

    with pytest.raises(Fenced, match="another worker"):
        journal.arm(7, 1, [4])
    journal.arm(8, 1, [5])


def test_a_full_disk_arms_nobody(journal: Journal) -> None:
    journal._handle = os.open("/dev/full", os.O_WRONLY)

    with pytest.raises(Fenced, match="No space left"):
        journal.arm(7, 1, [3])


def test_nobody_is_shut_out_of_a_journal_that_is_not_here(tmp_path: Path) -> None:
    shut_out(tmp_path, NAME, 7, 1)

    assert list(tmp_path.iterdir()) == []


def test_only_the_lock_tells_the_dead_from_the_living(tmp_path: Path) -> None:
    living = Journal(tmp_path, "living")
    living.open()
    (tmp_path / "dead").write_bytes(bytes(1 << 20))

    assert not is_dead(tmp_path, "living")
    assert is_dead(tmp_path, "dead")
    living.close()


def test_who_was_accepted_is_read_again(journal: Journal, tmp_path: Path) -> None:
    async def play() -> None:
        journal.arm(7, 1, [3, 5])
        journal.accept(7, 1, [3])
        journal.arm(7, 1, [9])
        journal.accept(7, 1, [9])
        await asyncio.sleep(2 * SOON)

    asyncio.run(play())

    assert armed(tmp_path, 7, 1) == {3, 5, 9}
    assert accepted(tmp_path, 7, 1) == {3, 9}
    assert accepted(tmp_path, 7, 2) == set()


def test_marks_go_on_beyond_what_was_written_ahead(
    journal: Journal, tmp_path: Path
) -> None:
    many = (1 << 20) // 16
    journal.arm(7, 1, range(many))
    journal.arm(8, 1, [3])

    assert len(armed(tmp_path, 7, 1) or ()) == many
    assert armed(tmp_path, 8, 1) == {3}
    assert (tmp_path / NAME).stat().st_size == 3 << 20


def test_a_journal_goes_with_what_shut_its_worker_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NAME)
    journal.open()
    shut_out(tmp_path, NAME, 7, 1)
    journal.close()

    assert list(tmp_path.iterdir()) == []


def test_only_journals_of_the_dead_that_nobody_needs_are_removed(
    journal: Journal, tmp_path: Path
) -> None:
    for dead in ("host:2:needed", "host:3:settled"):
        (tmp_path / dead).write_bytes(bytes(16))
        shut_out(tmp_path, dead, 7, 1)

    found = of_the_dead(tmp_path)
    remove(tmp_path, [*found, tmp_path / NAME], ["host:2:needed"])

    assert sorted(each.name for each in tmp_path.iterdir()) == [
        NAME,
        f"{NAME}.shut-out",
        "host:2:needed",
        "host:2:needed.shut-out",
    ]
