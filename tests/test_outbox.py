"""The outbox: what it keeps, and what the page can show of it."""

import asyncio
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from flashmail.message import TOKEN, Message, mark
from flashmail.transports import Fenced, Outcome, Receipt, Recipient
from flashmail.transports.outbox import Outbox

MESSAGE = Message(
    "Störm",
    f"<p>Dear {mark('name')}</p>",
    f"Dear {mark('name')}",
    (("From", "Briefs <briefs@example.org>"),),
)


def reader(name: str, number: int = 1) -> Recipient:
    token = f"{number:048x}"
    return Recipient(
        number, f"{name.lower()}@example.org", {"name": name, TOKEN: token}
    )


async def unmarked(_: Sequence[int]) -> None:
    """Mark nothing: these tests have no ledger."""


def send(outbox: Outbox, *readers: Recipient) -> list[Receipt]:
    return asyncio.run(outbox.send(MESSAGE, readers, unmarked))


def test_a_mail_is_shown_as_a_mail_program_would(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    send(outbox, reader("Anne"))

    [kept] = outbox.mails()
    assert (kept.to, kept.subject) == ("anne@example.org", "Störm")
    assert (kept.html, kept.text) == ("<p>Dear Anne</p>", "Dear Anne")
    assert kept.date.utcoffset() == timedelta(0)
    assert outbox.mail(kept.key) == kept


def test_everybody_is_marked_before_the_first_file(tmp_path: Path) -> None:
    seen: list[tuple[list[int], int]] = []

    async def arm(ids: Sequence[int]) -> None:
        seen.append((list(ids), len(list(Outbox(tmp_path).mails()))))

    readers = [reader("Anne", 1), reader("Bart", 2)]
    asyncio.run(Outbox(tmp_path).send(MESSAGE, readers, arm))

    assert seen == [([1, 2], 0)]


def test_nothing_is_kept_for_a_worker_that_lost_its_lease(tmp_path: Path) -> None:
    async def fenced(_: Sequence[int]) -> None:
        raise Fenced("another worker has it")

    [receipt] = asyncio.run(Outbox(tmp_path).send(MESSAGE, [reader("Anne")], fenced))

    assert receipt.outcome is Outcome.LATER
    assert list(Outbox(tmp_path).mails()) == []


def test_a_mail_handed_over_again_is_one_file(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    send(outbox, reader("Anne"))
    send(outbox, reader("Anne"))

    assert len(list(outbox.mails())) == 1
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_latest_come_first_and_older_ones_follow_by_page(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    send(outbox, *(reader(name, number) for number, name in enumerate("ABCD")))
    for number in range(4):
        os.utime(tmp_path / "new" / f"{number:048x}", (number, number))

    first = list(outbox.mails(limit=2))
    then = list(outbox.mails(limit=2, before=first[-1].key))
    assert [kept.text[-1] for kept in first + then] == ["D", "C", "B", "A"]


def test_a_mail_that_another_program_opened_is_still_shown(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    send(outbox, reader("Anne"))
    [file] = (tmp_path / "new").iterdir()
    file.rename(tmp_path / "cur" / f"{file.name}:2,S")

    [kept] = outbox.mails()
    assert kept.key == file.name
    assert outbox.mail(file.name) == kept


@pytest.mark.parametrize("key", ["", ".", "../secret", "a*", "0" * 48])
def test_a_key_leads_to_a_mail_or_nowhere(tmp_path: Path, key: str) -> None:
    (tmp_path / "secret").write_text("key")
    outbox = Outbox(tmp_path / "outbox")
    send(outbox, reader("Anne"))

    assert outbox.mail(key) is None


def test_a_bad_address_is_refused_and_the_others_are_kept(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    bad = Recipient(2, "bart@", reader("Bart", 2).values)

    receipts = send(outbox, reader("Anne"), bad)

    assert [each.outcome for each in receipts] == [Outcome.ACCEPTED, Outcome.REFUSED]
    assert [kept.to for kept in outbox.mails()] == ["anne@example.org"]


def test_a_file_that_cannot_be_written_goes_out_later(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    (tmp_path / "tmp" / f"{1:048x}").mkdir(parents=True)

    [receipt] = send(outbox, reader("Anne"))

    assert (receipt.outcome, receipt.reason) == (Outcome.LATER, "Is a directory")


def test_a_new_outbox_is_empty(tmp_path: Path) -> None:
    assert list(Outbox(tmp_path / "none").mails()) == []
