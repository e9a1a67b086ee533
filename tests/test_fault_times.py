"""Clocks that jump, many schedulers, people who change their minds: nothing doubles."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from flashmail import cli, migrations
from flashmail.audience.suppression import suppress_subscribers
from flashmail.campaigns import lifecycle
from flashmail.campaigns.lifecycle import InvalidTransition
from flashmail.database import connect, transaction
from flashmail.message import Message
from flashmail.model import CampaignStatus, Delivery, DeliveryState, SubscriberStatus
from flashmail.transports import Arm, Receipt, Recipient
from office import NOON, Office
from peers.smtp import Fault, SmtpPeer
from trial import (
    Carrier,
    Key,
    at_rest,
    at_work,
    installed,
    keep_promises,
    send,
    smtp,
    taken_by_smtp,
    worker,
)

CANCELLED, QUEUED, SENT, SKIPPED = (
    DeliveryState.CANCELLED,
    DeliveryState.QUEUED,
    DeliveryState.SENT,
    DeliveryState.SKIPPED,
)
PEOPLE = 12
pytestmark = pytest.mark.slow


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with installed(tmp_path, PEOPLE) as office:
        yield office


def test_three_workers_and_twenty_campaigns_due_at_once(
    office: Office, tmp_path: Path
) -> None:
    """Each worker is a scheduler, too."""
    for number in range(20):
        office.schedule(f"Campaign {number}")
    with SmtpPeer() as peer:
        workers = []
        for _ in range(3):
            transport = smtp(peer, connections=2)
            transport.batch_size = 5
            workers.append(worker(office, transport, tmp_path))
        send(office, *workers)

        taken = taken_by_smtp(office, peer)
    states = keep_promises(office, taken, addressed=20 * PEOPLE)
    assert states == {SENT: 20 * PEOPLE}


@pytest.mark.parametrize("days", [1, -1])
@pytest.mark.parametrize("singly", [True, False], ids=["journal", "table"])
def test_a_clock_that_jumps_between_claim_and_booking(
    office: Office, tmp_path: Path, singly: bool, days: int
) -> None:
    office.schedule("Today")
    office.schedule("Next week", at=NOON + timedelta(days=7))
    office.post = Carrier(batch_size=5, arms_singly=singly)
    jumps = iter([days, -days])
    office.post.meanwhile = lambda: office.later(days=next(jumps, 0))

    workers = [worker(office, office.post, tmp_path) for _ in range(2)]
    send(office, *workers)
    # Whatever a wrong clock held up goes on when it is right again.
    office.post.meanwhile = lambda: None
    office.now = NOON + timedelta(days=2)
    send(office, worker(office, office.post, tmp_path))

    taken = [(1, reader.subscriber_id) for _, reader in office.post.sent]
    states = keep_promises(office, taken, addressed=PEOPLE, unknown=20)
    assert states[QUEUED] == 0
    assert office.post.subjects == ["Today"] * len(taken)
    assert office.status(2) is CampaignStatus.SCHEDULED


def test_down_over_the_time_it_was_due(office: Office, tmp_path: Path) -> None:
    office.schedule("Old", at=NOON + timedelta(hours=1))
    office.schedule("New", at=NOON + timedelta(hours=4, minutes=50))
    office.later(hours=5)

    send(office, worker(office, office.post, tmp_path))

    assert set(office.post.subjects) == {"New"}
    assert office.status(1) is CampaignStatus.MISSED


class Poisoned(Carrier):
    """A transport with a bug that one reader's mail brings out."""

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        poison = any(each.address.startswith("r7@") for each in recipients)
        if poison and message.subject == "Poison":
            raise ValueError("nobody thought of this")
        return await super().send(message, recipients, arm)


def test_a_poisoned_campaign_holds_up_no_other(office: Office, tmp_path: Path) -> None:
    office.post = Poisoned(batch_size=4)
    office.schedule("Poison")
    office.schedule("Sound")

    send(office, worker(office, office.post, tmp_path, lanes=1))

    states = keep_promises(
        office,
        [(1 + (m.subject == "Sound"), r.subscriber_id) for m, r in office.post.sent],
        addressed=2 * PEOPLE,
    )
    assert states[QUEUED] == 8
    assert office.status(1) is CampaignStatus.PAUSED
    assert "nobody thought of this" in office.campaign(1).note
    assert office.status(2) is CampaignStatus.SENT


@pytest.mark.parametrize("seed", range(4))
def test_people_who_change_their_minds_while_it_is_sent(
    office: Office, tmp_path: Path, seed: int
) -> None:
    """Pause, resume, cancel and leave, in any order; it adds up at each step."""
    dice = random.Random(seed)
    office.schedule("One")
    office.schedule("Two")
    left: set[Key] = set()
    with SmtpPeer(Fault("dot", "250 2.0.0 Ok", takes=True, delay=0.01)) as peer:

        def meddle() -> bool:
            somebody_leaves(office, dice.randint(1, PEOPLE), left)
            action = dice.choice(
                [lifecycle.pause, lifecycle.resume, lifecycle.resume]
                + [lifecycle.cancel] * (dice.random() < 0.1)
            )
            with suppress(InvalidTransition):
                office.do(action, dice.randint(1, 2))
            keep_promises(
                office,
                taken_by_smtp(office, peer),
                addressed=2 * PEOPLE,
                left=left,
                at_any_time=True,
            )
            return bool(left) and at_rest(office)

        transport = smtp(peer, connections=2)
        transport.batch_size = 2
        sender = worker(office, transport, tmp_path)
        sender.housekeep()  # whoever leaves from now on is addressed already
        asyncio.run(at_work(sender, until=meddle))
        for number in (1, 2):
            if office.status(number) is CampaignStatus.PAUSED:
                office.do(lifecycle.resume, number)
        send(office, worker(office, smtp(peer), tmp_path))

        taken = taken_by_smtp(office, peer)
    states = keep_promises(office, taken, addressed=2 * PEOPLE, left=left)
    assert states[QUEUED] == 0, f"seed {seed}"
    assert set(states) <= {SENT, SKIPPED, CANCELLED}


def somebody_leaves(office: Office, number: int, left: set[Key]) -> None:
    """Suppress a reader, and note which mails must not go out any more."""
    with transaction(office.engine) as session:
        reason = (SubscriberStatus.UNSUBSCRIBED, office.now, "")
        suppress_subscribers(session, {number: reason})
        for campaign in (1, 2):
            delivery = session.get(Delivery, (campaign, number))
            if delivery and delivery.state is QUEUED:
                left.add((campaign, number))


def test_a_worker_that_is_told_to_stop_loses_nothing(tmp_path: Path) -> None:
    """SIGTERM, by way of the command line's own worker."""
    migrations.upgrade(connect(f"sqlite:///{tmp_path}/flashmail.db"))
    with (
        installed(tmp_path, 200) as office,
        SmtpPeer(Fault("dot", "250 2.0.0 Ok", takes=True, delay=0.05)) as peer,
    ):
        office.now = office.now.now(office.now.tzinfo)
        office.schedule()
        office.engine.dispose()
        child = get_context("fork").Process(
            target=work_at_the_command_line, args=(tmp_path, peer.port)
        )
        child.start()
        while len(peer.messages) < 10:
            time.sleep(0.01)
            assert child.is_alive()
        assert child.pid
        os.kill(child.pid, signal.SIGTERM)
        begun = time.monotonic()
        child.join(30)
        took = time.monotonic() - begun

        taken = taken_by_smtp(office, peer)
        states = keep_promises(office, taken, addressed=200)
    assert child.exitcode == 0
    assert len(taken) < 200, "only what was on its way was finished"
    assert states == {SENT: len(taken), QUEUED: 200 - len(taken)}
    assert took < 5


def work_at_the_command_line(home: Path, port: int) -> None:
    settings: dict[str, Any] = {
        "SECRET_KEY": "k" * 32,
        "SENDER": "Flash Briefs <briefs@example.org>",
        "POSTAL_ADDRESS": "1 Long Street, Springfield",
        "BASE_URL": "https://mail.example.org",
        "TRANSPORT": "smtp",
        "SMTP_URL": f"smtp://127.0.0.1:{port}",
        "SMTP_CONNECTIONS": "3",
    }
    os.environ.update({f"FLASHMAIL_{name}": value for name, value in settings.items()})
    os._exit(cli.run(["--home", str(home), "worker"]))
