"""Clients that send the same mail: ours, with and without accounting, and others."""

import asyncio
import smtplib
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import uvloop
from sqlalchemy import Engine
from sqlmodel import col, func, select

from benchmarks import letter, stock
from benchmarks.measure import Cost, timed
from benchmarks.personalise import DATE, values
from benchmarks.run import addressed, clear
from flashmail.bootstrap import LANES
from flashmail.database import reading
from flashmail.delivery.claim import Claim, ClaimedReader
from flashmail.delivery.handover import recipients
from flashmail.delivery.worker import Worker
from flashmail.message import BOUNCE, Message
from flashmail.message.mime import Compiled
from flashmail.model import Campaign, Delivery, DeliveryState, Subscriber
from flashmail.transports import Arm, Outcome, Receipt, Recipient, Transport
from flashmail.transports.smtp import Smtp, SmtpSettings, Tls

CONNECTIONS = 10

SMTP_SOURCE = "/usr/sbin/smtp-source"


def smtp(port: int) -> Smtp:
    settings = SmtpSettings("127.0.0.1", port, Tls.NEVER)
    return Smtp(settings, connections=CONNECTIONS)


@dataclass
class Until:
    """Passes mail on to a transport, and ends the work when so many went out."""

    transport: Transport
    left: int
    stop: asyncio.Event
    arms_singly: bool = True
    batch_size: int = Smtp.batch_size

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        try:
            receipts = await self.transport.send(message, recipients, arm)
            _check(receipts)
        except Exception:
            self.stop.set()
            raise
        self.left -= len(receipts)
        if self.left <= 0:
            self.stop.set()
        return receipts

    async def close(self) -> None:
        await self.transport.close()


def worker(engine: Engine, home: Path, port: int, mails: int) -> Cost:
    """Send to the first so many readers with all the accounting of a worker."""
    clear(engine)
    campaign_id = addressed(engine, stock.NEWS, batch_size=Smtp.batch_size)

    async def work() -> None:
        stop = asyncio.Event()
        transport = Until(smtp(port), mails, stop)
        await Worker(engine, transport, letter.TOKENS, home=home, lanes=LANES).run(stop)

    cost = timed(lambda: uvloop.run(work()), mails)
    with reading(engine) as session:
        sent = select(func.count()).where(
            Delivery.campaign_id == campaign_id, Delivery.state == DeliveryState.SENT
        )
        assert session.exec(sent).one() == mails
    return cost


def transport(engine: Engine, port: int, mails: int) -> Cost:
    """Send the same through the transport alone: no table and no journal."""
    readers = _readers(engine, mails)
    message = letter.draft(stock.NEWS).message
    campaign = Campaign(id=1)
    size = Smtp.batch_size

    async def arm(subscriber_ids: Sequence[int]) -> None:
        pass

    async def work() -> None:
        made = smtp(port)
        batches = iter([readers[at : at + size] for at in range(0, mails, size)])

        async def lane() -> None:
            for batch in batches:
                held = Claim(1, 1, campaign, batch)
                who = recipients(held, message, letter.TOKENS)
                _check(await made.send(message, who, arm))

        await asyncio.gather(*(lane() for _ in range(LANES)))
        await made.close()

    return timed(lambda: uvloop.run(work()), mails)


def library(port: int, mails: int, threads: int) -> Cost:
    """Send a mail that is ready through smtplib, so often, on lines kept open."""
    mail = _ready()

    def one_line(count: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, "benchmark") as line:
            for _ in range(count):
                line.sendmail("briefs@example.org", "reader@example.org", mail)

    def work() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one_line, [mails // threads] * threads))

    return timed(work, mails // threads * threads)


def smtp_source(folder: Path, port: int, mails: int) -> Cost:
    """Send a mail that is ready with Postfix's load generator, on lines kept open."""
    file = folder / "mail"
    file.write_bytes(_ready().replace(b"\r\n", b"\n"))
    command = [SMTP_SOURCE, "-d", "-M", "benchmark", "-s", str(CONNECTIONS)]
    command += ["-m", str(mails), "-F", str(file)]
    command += ["-f", "briefs@example.org", "-t", "reader@example.org"]
    command.append(f"127.0.0.1:{port}")
    return timed(lambda: subprocess.run(command, check=True), mails)


def _ready() -> bytes:
    filled = values(1) | {BOUNCE: "0" * 48}
    compiled = Compiled(letter.draft(stock.NEWS).message)
    return compiled.fill("reader@example.org", filled, DATE)


def _readers(engine: Engine, mails: int) -> tuple[ClaimedReader, ...]:
    rows = select(Subscriber.id, Subscriber.address, Subscriber.name)
    with reading(engine) as session:
        found = session.exec(rows.order_by(col(Subscriber.id)).limit(mails))
        return tuple(
            ClaimedReader(number or 0, address, name) for number, address, name in found
        )


def _check(receipts: Sequence[Receipt]) -> None:
    for each in receipts:
        if each.outcome is not Outcome.ACCEPTED:
            raise RuntimeError(f"a mail did not go out: {each.reason}")
