"""Urgent mail goes before whatever a worker has in hand already."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from flashmail.message import Message
from flashmail.transports import Arm, Outcome, Receipt, Recipient
from flashmail.transports.smtp import Smtp
from office import Office
from peers.smtp import Fault, SmtpPeer
from trial import at_rest, at_work, follow, installed, smtp, worker

FROM = (("From", "briefs@example.org"),)
CALM, STORM = Message("Calm", "<p>", "", FROM), Message("Storm", "<p>", "", FROM)
PEOPLE = 200


class Errand:
    """An arm that says how urgent it is."""

    def __init__(self, *, urgent: bool = False) -> None:
        self.urgent, self.together, self.marked = urgent, 1000, 0

    async def __call__(self, ids: Sequence[int]) -> None:
        self.marked += len(ids)

    def heard(self, accepted: Sequence[int]) -> None:
        """Nobody asks who was accepted."""


def subjects(peer: SmtpPeer) -> list[str]:
    """Return what came, in order: `Storm` or `Calm`."""
    return ["Storm" if b"Subject: Storm" in m.raw else "Calm" for m in peer.messages]


def readers(count: int) -> list[Recipient]:
    return [Recipient(n, f"r{n}@example.org") for n in range(count)]


async def both(transport: Smtp) -> list[Receipt]:
    """Send something urgent in the middle of a larger batch."""
    calm: Arm = (errand := Errand())
    first = asyncio.create_task(transport.send(CALM, readers(40), calm))
    while errand.marked < 5 and not first.done():
        await asyncio.sleep(0.001)
    urgent = await transport.send(STORM, readers(3), Errand(urgent=True))
    receipts = urgent + await first
    await transport.close()
    return receipts


def test_urgent_mail_takes_the_next_place_of_every_session() -> None:
    with SmtpPeer(Fault("dot", "250 2.0.0 Ok", takes=True, delay=0.003)) as peer:
        receipts = asyncio.run(both(smtp(peer, connections=1)))

    assert {each.outcome for each in receipts} == {Outcome.ACCEPTED}
    came = subjects(peer)
    begun = came.index("Storm")
    assert came[begun : begun + 3] == ["Storm"] * 3
    assert begun < 20, "the rest of the batch waits"
    assert len(came) == 43


@pytest.mark.slow
def test_urgent_mail_does_not_wait_for_the_batches_in_hand(tmp_path: Path) -> None:
    """All the normal mails are claimed already, in two batches."""
    slow = Fault("dot", "250 2.0.0 Ok", takes=True, delay=0.02)
    with SmtpPeer(slow) as peer, installed(tmp_path, PEOPLE) as office:
        follow(office, "Storms", [500, 501])
        office.schedule("Calm")
        transport = smtp(peer, connections=2)
        transport.batch_size = PEOPLE // 2
        overtake(office, peer, transport, tmp_path)

    came = subjects(peer)
    assert came.count("Storm") == 2
    assert came.index("Storm") < PEOPLE - 20


def overtake(office: Office, peer: SmtpPeer, transport: Smtp, home: Path) -> None:
    scheduled: list[int] = []

    def done() -> bool:
        if len(peer.messages) >= 10 and not scheduled:
            scheduled.append(office.schedule("Storm", "Storms", urgent=True))
        return bool(scheduled) and at_rest(office)

    asyncio.run(at_work(worker(office, transport, home), until=done, within=20))
