"""The worker: claims batches and hands them over, urgent ones first."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from flashmail.audience.select import followed
from flashmail.database import reading, transaction
from flashmail.links import Tokens
from flashmail.sending import ledger
from flashmail.sending.calendar import SYSTEM, begin_due
from flashmail.sending.campaigns import CampaignMoved, message_of, pause
from flashmail.sending.claim import LEASE, Claim, claim
from flashmail.sending.recipients import recipients
from flashmail.transports import Fenced, Receipt, SenderProblem, Transport

logger = logging.getLogger(__name__)

#: How long a worker rests when there is nothing to do, in seconds.
REST = 0.5


def this_worker() -> str:
    """Return a name that no other worker has and that a person can place."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Worker:
    """Sends what is due. Any number of them may run, in any number of processes."""

    engine: Engine
    transport: Transport
    tokens: Tokens
    name: str = field(default_factory=this_worker)
    clock: Callable[[], datetime] = utc_now
    missed_after: timedelta = timedelta(minutes=15)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; the batch in hand is finished first."""
        try:
            while not stop.is_set():
                if not await self._try_once():
                    await _rest(stop)
        finally:
            await self.transport.close()

    async def run_once(self) -> bool:
        """Begin what is due and send one batch; return whether there was one."""
        now = self.clock()
        begin_due(
            self.engine,
            batch_size=self.transport.batch_size,
            missed_after=self.missed_after,
            now=now,
        )
        ledger.rescue(self.engine, now=now)
        held = claim(self.engine, self.name, now=now)
        if held is not None:
            await self._hand_over(held)
        ledger.finish(self.engine, now=self.clock())
        return held is not None

    async def _try_once(self) -> bool:
        try:
            return await self.run_once()
        except Exception:
            # One campaign's trouble must not stop the others, nor tomorrow's.
            logger.exception("a batch could not be sent; it will be tried again")
            return False

    async def _hand_over(self, held: Claim) -> None:
        alive = asyncio.create_task(self._stay_alive(held))
        try:
            receipts = await self._send(held)
        except SenderProblem as problem:
            receipts = list(problem.receipts)
            self._pause(held, str(problem))
        except Fenced:
            logger.warning("batch %d went to another worker", held.batch_id)
            return
        except Exception as problem:
            # It would go wrong again at once: a person has to look at this campaign.
            logger.exception("campaign %s cannot be sent", held.campaign.id)
            receipts = []
            self._pause(held, f"it cannot be sent: {problem}")
        finally:
            alive.cancel()
        try:
            ledger.book(self.engine, held, receipts, now=self.clock())
        except Fenced:
            # The other worker called what we armed unknown; events will tell.
            logger.warning("batch %d was lost before it was booked", held.batch_id)

    async def _send(self, held: Claim) -> list[Receipt]:
        if not held.readers:
            return []
        message = message_of(held.campaign)
        ids = [reader.subscriber_id for reader in held.readers]
        with reading(self.engine) as session:
            topics = followed(session, ids, held.campaign.topics)
        who = recipients(held, message, self.tokens, topics)

        async def arm(subscriber_ids: Sequence[int]) -> None:
            ledger.arm(self.engine, held, subscriber_ids, now=self.clock())

        return await self.transport.send(message, who, arm)

    async def _stay_alive(self, held: Claim) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 4)
            ledger.extend(self.engine, held, now=self.clock())

    def _pause(self, held: Claim, note: str) -> None:
        assert held.campaign.id is not None
        try:
            with transaction(self.engine) as session:
                pause(
                    session, held.campaign.id, who=SYSTEM, now=self.clock(), note=note
                )
        except CampaignMoved:
            logger.info("campaign %s was stopped already", held.campaign.id)


async def _rest(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), REST)
    except TimeoutError:
        return
