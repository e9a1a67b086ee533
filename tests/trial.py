"""An installation on disk that sends through real transports, and what it promises.

Peers on loopback stand for providers: what one of them keeps is what was accepted, and
each of its mails names its delivery by the token in it.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
from sqlalchemy import text
from sqlmodel import SQLModel, col, select

from flashmail.database import connect, reading, transaction
from flashmail.delivery.dispatch import Polling
from flashmail.delivery.worker import Worker
from flashmail.links import Purpose
from flashmail.message import Message
from flashmail.model import Campaign, Delivery, DeliveryState, Subscriber, Subscription
from flashmail.reports.campaign import report
from flashmail.settings import Tracking
from flashmail.transports import Arm, Fenced, Outcome, Receipt, Recipient, Transport
from flashmail.transports.sendgrid import SendGrid
from flashmail.transports.smtp import Smtp, SmtpSettings, Timeouts, Tls
from office import NOON, Office, Post
from peers.sendgrid import SendGridPeer
from peers.smtp import SmtpPeer

#: A delivery: its campaign and its subscriber.
Key = tuple[int, int]

QUICK = Timeouts(connect=2, greeting=0.3, command=0.3, data=0.3, block=0.3, dot=0.3)

#: No answer is lost on the way in these scenes unless the peer loses it.
PATIENT = Timeouts(connect=5, greeting=20, command=20, data=20, block=20, dot=20)

TOKEN = re.compile(rb"^Message-ID:\s+<([^@>]+)@", re.MULTILINE).search

#: Where a delivery may stand whose mail was accepted.
TAKEN = frozenset({DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.UNKNOWN})
IN_HAND = frozenset({DeliveryState.CLAIMED, DeliveryState.ARMED})


class Carrier(Post):
    """A transport that puts off whom it may not hand over, as the real ones do."""

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        try:
            return await super().send(message, recipients, arm)
        except Fenced as fenced:
            reason = str(fenced)
        return [
            Receipt(each.subscriber_id, Outcome.LATER, reason) for each in recipients
        ]


@contextmanager
def installed(home: Path, people: int) -> Iterator[Office]:
    """Have a flashmail in a folder, and people who follow Iran."""
    home.mkdir(exist_ok=True)
    engine = connect(f"sqlite:///{home}/flashmail.db")
    SQLModel.metadata.create_all(engine)
    office = Office(engine)
    follow(office, "Iran", range(1, people + 1))
    yield office
    engine.dispose()


def follow(office: Office, topic: str, numbers: Iterable[int]) -> None:
    """Have readers r1, r2, ... who follow a topic."""
    topic_id = office.topic(topic)
    with transaction(office.engine) as session:
        for number in numbers:
            address = f"r{number}@example.org"
            session.add(
                Subscriber(
                    id=number, name="", address=address, key=address, created_at=NOON
                )
            )
            session.flush()
            session.add(Subscription(subscriber_id=number, topic_id=topic_id))


def worker(
    office: Office, transport: Transport, home: Path | None = None, **fields: Any
) -> Worker:
    """Return a worker that lives in the office's time and does not rest for long."""
    return Worker(
        office.engine,
        transport,
        office.tokens,
        clock=lambda: office.now,
        home=home,
        dispatch=Polling(idle=0.02, recover=0.05),
        **{"lanes": 2, "rest": 0.05, "recover": 0.05} | fields,
    )


def smtp(
    peer: SmtpPeer, *, timeouts: Timeouts = PATIENT, connections: int = 4, **how: Any
) -> Smtp:
    settings = SmtpSettings("127.0.0.1", peer.port, how.pop("tls", Tls.NEVER), **how)
    return Smtp(settings, connections=connections, timeouts=timeouts)


def sendgrid(peer: SendGridPeer, **how: Any) -> SendGrid:
    return SendGrid(httpx.AsyncClient(base_url=peer.url), **how)


async def at_work(
    *workers: Worker, until: Callable[[], bool], within: float = 8
) -> None:
    """Let workers run beside each other until something is the case."""
    stop = asyncio.Event()
    async with asyncio.timeout(within), asyncio.TaskGroup() as tasks:
        for each in workers:
            tasks.create_task(each.run(stop))
        while not until():
            await asyncio.sleep(0.01)
        stop.set()


def send(office: Office, *workers: Worker) -> None:
    """Let workers run until nothing is due any more."""
    asyncio.run(at_work(*workers, until=lambda: at_rest(office)))


def at_rest(office: Office) -> bool:
    """Return whether nothing is in hand, due, or waiting to be closed."""
    with reading(office.engine) as session:
        left = session.execute(STIRRING, {"now": f"{office.now:%F %T.%f}"})
        return left.scalar() == 0


STIRRING = text(
    """
    SELECT (SELECT count(*) FROM campaign
            WHERE status = 'scheduled' AND send_at <= :now)
    + (SELECT count(*) FROM batch WHERE state = 'claimed')
    + (SELECT count(*) FROM batch JOIN campaign ON campaign.id = batch.campaign_id
       WHERE state = 'open' AND ready_at <= :now AND status = 'sending')
    + (SELECT count(*) FROM campaign WHERE status = 'sending' AND NOT EXISTS
       (SELECT 1 FROM batch WHERE campaign_id = campaign.id AND state != 'done'))
    """
)


def taken_by_smtp(office: Office, peer: SmtpPeer) -> list[Key]:
    """Return the deliveries an SMTP peer accepted; each of its mails is whole."""
    keys = []
    for mail in peer.messages:
        assert mail.raw.endswith(b"--\r\n"), "no mail is cut short"
        token = TOKEN(mail.raw)
        assert token, "each mail says which delivery it is"
        keys.append(office.tokens.read(Purpose.WATCH, token[1].decode()))
    return keys


def taken_by_sendgrid(office: Office, peer: SendGridPeer) -> list[Key]:
    """Return the deliveries a SendGrid peer accepted."""
    return [
        office.tokens.read(Purpose.WATCH, mail["custom_args"]["fm_delivery"])
        for mail in peer.mails
    ]


def keep_promises(
    office: Office,
    taken: Iterable[Key],
    *,
    addressed: int,
    unknown: int = 0,
    left: Collection[Key] = (),
    at_any_time: bool = False,
) -> Counter[DeliveryState]:
    """Assert what flashmail promises; return how many deliveries are in each state.

    `taken` is what the providers accepted, `unknown` how many may be unknown at most,
    `left` who left before their batch was claimed. `at_any_time` is while it is sent.
    """
    states = _states(office)
    counted = Counter(states.values())
    copies = Counter(taken)
    assert len(states) == addressed, "everyone is accounted for"
    assert max(copies.values(), default=0) <= 1, "nobody gets a second copy"
    assert counted[DeliveryState.UNKNOWN] <= unknown
    assert not copies.keys() & set(left), "who left before the claim gets nothing"
    for key, state in states.items():
        if state in (DeliveryState.SENT, DeliveryState.DELIVERED):
            assert copies[key], f"{key} is {state}, so a provider accepted it"
        if copies[key]:
            allowed = TAKEN | IN_HAND if at_any_time else TAKEN
            assert state in allowed, f"{key} was accepted and is {state}"
    if not at_any_time:
        assert not IN_HAND & counted.keys(), "nothing is in anybody's hands"
    return counted


def _states(office: Office) -> dict[Key, DeliveryState]:
    """Return each delivery's state; assert that the report adds up at this moment."""
    with reading(office.engine) as session:
        for campaign in session.exec(select(Campaign)):
            told = report(session, campaign, tracking=Tracking.REFUSABLE)
            assert sum(told.states.values()) == told.addressed, "the states add up"
        rows = session.exec(
            select(Delivery.campaign_id, Delivery.subscriber_id, col(Delivery.state))
        )
        return {(campaign, who): DeliveryState(state) for campaign, who, state in rows}
