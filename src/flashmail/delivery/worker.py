"""The worker: claims batches and hands them over, urgent ones first."""

import asyncio
import gc
import logging
import os
import secrets
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from flashmail.campaigns.lifecycle import InvalidTransition, pause
from flashmail.database import Clock, transaction, utc_now
from flashmail.delivery import intervention, ledger, rate_limit
from flashmail.delivery.claim import LEASE, Claim, claim, is_due
from flashmail.delivery.dispatch import (
    RECOVER,
    REST,
    Dispatch,
    Polling,
    attempt,
    sleep_or_stop,
)
from flashmail.delivery.handover import BatchOutcome, Handover
from flashmail.delivery.instance import InstanceFence, fenced
from flashmail.delivery.journal import Journal
from flashmail.delivery.starting import SYSTEM, start_due_campaigns
from flashmail.digests import runner
from flashmail.digests.runner import Make
from flashmail.links import Tokens
from flashmail.model import Priority
from flashmail.settings import Tracking
from flashmail.transports import Fenced, Transport

logger = logging.getLogger(__name__)


def this_worker() -> str:
    """Return a name that no other worker has and that a person can place."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass
class Worker:
    """Sends what is due. Any number of them may run, in any number of processes.

    `home` holds the instance fence and the journals; without it (in tests) there are
    none. `lanes` are batches in hand at the same time, so that one is claimed and
    booked while another one goes out.

    It looks after the house every `rest` seconds, and tries again to book after
    `recover` seconds where it could not.
    """

    engine: Engine
    transport: Transport
    tokens: Tokens
    name: str = field(default_factory=this_worker)
    clock: Clock = utc_now
    missed_after: timedelta = timedelta(minutes=15)
    home: Path | None = None
    limits: rate_limit.Limits = rate_limit.NO_LIMITS
    lanes: int = 1
    make_digest: Make | None = None
    dispatch: Dispatch = field(default_factory=Polling)
    rest: float = REST
    recover: float = RECOVER
    tracking: Tracking = Tracking.REFUSABLE
    _stop: asyncio.Event | None = None
    _fence: InstanceFence | None = None
    _journal: Journal | None = None
    _in_hand: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; the mails on their way are finished first.

        Raises NotThisInstance where this home must not send before a person has looked.
        """
        with ExitStack() as held:
            if self.home is not None:
                self._fence = held.enter_context(fenced(self.engine, self.home))
                self._journal = Journal(self.home / "journal", self.name)
                self._journal.open()
                held.callback(self._close_journal, self._journal)
            self._stop = stop
            # The collector need not look again and again at all that was loaded.
            gc.freeze()
            try:
                await self._housekeep()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._housekeep_until(stop))
                    tasks.create_task(self._send_urgent(stop))
                    tasks.create_task(
                        self.dispatch.run(self.send_next, self.lanes, stop)
                    )
            finally:
                await self.transport.close()

    def _close_journal(self, journal: Journal) -> None:
        journal.close(keep=self._in_hand > 0)

    async def run_once(self) -> bool:
        """Begin what is due and send one batch; return whether there was one."""
        self.housekeep()
        sent = await self.send_next()
        self._finish()
        return sent

    def housekeep(self) -> None:
        """Begin what is due, take over from the dead, close what is finished."""
        now = self.clock()
        if self.make_digest:
            runner.start_due_digests(
                self.engine, self.make_digest, missed_after=self.missed_after, now=now
            )
        start_due_campaigns(
            self.engine,
            batch_size=rate_limit.batch_size(
                self.transport.batch_size, self.limits.at(now)
            ),
            missed_after=self.missed_after,
            now=now,
        )
        journals = self.home / "journal" if self.home else None
        ledger.take_over_expired(self.engine, journals, now=now)
        if journals:
            ledger.remove_stale_journals(self.engine, journals)
        intervention.pause_unwanted(self.engine, now=now)
        self._finish()
        self.dispatch.announce()

    def _finish(self) -> None:
        ledger.finish(self.engine, now=self.clock())

    async def _housekeep_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await sleep_or_stop(stop, self.rest)
            await self._housekeep()

    async def _housekeep(self) -> None:
        try:
            await asyncio.to_thread(self.housekeep)
        except Exception:
            logger.exception("housekeeping failed; trying again")

    async def _send_urgent(self, stop: asyncio.Event) -> None:
        """Send urgent batches beside the others, with lanes that may be full for a
        while.

        The transport lets them go first.
        """
        urgent = partial(self.send_next, Priority.URGENT)
        while not stop.is_set():
            if not await attempt(urgent, stop, self.recover):
                await sleep_or_stop(stop, self.rest)

    async def send_next(self, least: Priority = Priority.NORMAL) -> bool:
        """Send the next batch, if one is due; return whether there was one."""
        held = await asyncio.to_thread(self._claim, least)
        if held is None:
            if least is Priority.NORMAL:
                await asyncio.to_thread(self._finish)
            return False
        self._in_hand += 1
        await self._hand_over(held)
        # Not where that raised: the batch was not booked, and its marks still count.
        self._in_hand -= 1
        if self._journal and not self._in_hand:
            self._journal.rewind()
        return True

    def _claim(self, least: Priority) -> Claim | None:
        now = self.clock()
        if least is Priority.URGENT and not is_due(self.engine, least, now=now):
            return None
        return claim(
            self.engine,
            self.name,
            marks_in_journal=self._marks_in_journal,
            fence=self._fence,
            least=least,
            now=now,
        )

    @property
    def _marks_in_journal(self) -> bool:
        return self._journal is not None and self.transport.arms_singly

    async def _hand_over(self, held: Claim) -> None:
        handover = Handover(
            self.engine,
            held,
            self.clock,
            self._journal if self._marks_in_journal else None,
            self._metronome(len(held.readers)),
            self._stop,
            self.tracking,
        )
        alive = asyncio.create_task(self._stay_alive(held))
        try:
            told = await handover.carry(self.transport, self.tokens)
            await self._write_down(held, told)
        finally:
            alive.cancel()

    async def _write_down(self, held: Claim, told: BatchOutcome) -> None:
        """Book a batch, however long the database fails: nobody else knows of it.

        Once it is told to stop, this worker tries for the last time.
        """
        while True:
            last = self._stop is None or self._stop.is_set()
            try:
                return await asyncio.to_thread(self._book, held, told)
            except Exception:
                if last or self._stop is None:
                    raise
                logger.exception("batch %d cannot be booked yet", held.batch_id)
                await sleep_or_stop(self._stop, self.recover)

    def _book(self, held: Claim, told: BatchOutcome) -> None:
        if told.trouble:
            self._pause(held, told.trouble)
        try:
            ledger.book(self.engine, held, told.receipts, now=self.clock())
        except Fenced:
            # The other worker called what we armed unknown; events will tell.
            logger.warning("batch %d was lost before it was booked", held.batch_id)

    def _metronome(self, count: int) -> rate_limit.Pacer | None:
        rate = self.limits.at(self.clock())
        if not rate or not count:
            return None

        async def take(moments: int) -> float:
            return await asyncio.to_thread(
                lambda: rate_limit.take(self.engine, moments, rate, now=self.clock())
            )

        return rate_limit.Pacer(take, rate, count)

    async def _stay_alive(self, held: Claim) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 4)
            try:
                await asyncio.to_thread(self._extend, held)
            except Fenced:
                return
            except Exception:
                logger.exception("batch %d shows no sign of life", held.batch_id)

    def _extend(self, held: Claim) -> None:
        ledger.extend(self.engine, held, now=self.clock())

    def _pause(self, held: Claim, note: str) -> None:
        assert held.campaign.id is not None
        try:
            with transaction(self.engine) as session:
                pause(session, held.campaign.id, by=SYSTEM, now=self.clock(), note=note)
        except InvalidTransition:
            logger.info("campaign %s was stopped already", held.campaign.id)
