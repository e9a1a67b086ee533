"""Hand over: one claimed batch goes through the transport, each mail marked before."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine

from flashmail.database import AWAY
from flashmail.links import Tokens
from flashmail.model import Priority
from flashmail.sending.campaigns import message_of
from flashmail.sending.engine import ledger
from flashmail.sending.engine.claim import Claim
from flashmail.sending.engine.journal import Journal
from flashmail.sending.engine.pace import Metronome
from flashmail.sending.engine.recipients import recipients
from flashmail.settings import Tracking
from flashmail.transports import Fenced, Outcome, Receipt, SenderProblem, Transport

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Told:
    """What is known of a batch; `trouble` is why its campaign has to pause."""

    receipts: list[Receipt]
    trouble: str = ""


@dataclass
class Handover:
    """One batch on its way. Where it keeps its marks, and at what pace it goes."""

    engine: Engine
    held: Claim
    clock: Callable[[], datetime]
    journal: Journal | None = None
    metronome: Metronome | None = None
    stop: asyncio.Event | None = None
    tracking: Tracking = Tracking.REFUSABLE
    _armed: set[int] = field(default_factory=set)
    _accepted: set[int] = field(default_factory=set)

    async def carry(self, transport: Transport, tokens: Tokens) -> Told:
        """Hand the batch to the transport, and say what became of it."""
        try:
            return Told(self._begun(await self._send(transport, tokens)))
        except SenderProblem as problem:
            return Told(self._turned_away(problem), str(problem))
        except (Fenced, *AWAY) as problem:
            # That the database is away is no fault of the campaign: it goes on later.
            logger.warning("batch %d is not sent: %s", self.held.batch_id, problem)
            return Told(self._in_doubt())
        except Exception as problem:
            # It would go wrong again at once: a person has to look at this campaign.
            logger.exception("campaign %s cannot be sent", self.held.campaign.id)
            return Told(self._in_doubt(), f"it cannot be sent: {problem}")

    async def _send(self, transport: Transport, tokens: Tokens) -> list[Receipt]:
        if not self.held.readers:
            return []
        message = message_of(self.held.campaign)
        who = recipients(self.held, message, tokens, self.tracking)
        with self._noted():
            return await transport.send(message, who, self)

    async def __call__(self, subscriber_ids: Sequence[int]) -> None:
        """Mark deliveries: this is the transport's `Arm`."""
        if self.metronome:
            await self.metronome.wait(len(subscriber_ids))
        if self._stopped:
            raise Fenced("this worker was told to stop")
        try:
            self._mark(subscriber_ids)
        except Exception as problem:
            # Whatever the reason: what cannot be marked must not be handed over.
            raise Fenced(f"the marks cannot be kept: {problem}") from problem
        self._armed.update(subscriber_ids)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Let the journal know whose turn comes next, as long as this lasts."""
        if self.journal is None:
            yield
            return
        batch_id, fence = self.held.batch_id, self.held.fence
        self.journal.begin(batch_id, fence, (each[0] for each in self.held.readers))
        try:
            yield
        finally:
            self.journal.end(batch_id, fence)

    @property
    def urgent(self) -> bool:
        """Whether the transport lets this batch go before others."""
        return self.held.campaign.priority == Priority.URGENT

    @property
    def together(self) -> int:
        """How many mails may go at the same moment."""
        return 1 if self.metronome else len(self.held.readers)

    def heard(self, accepted: Sequence[int]) -> None:
        """Keep what a transport knows before its batch is over."""
        self._accepted.update(accepted)
        if self.journal:
            self.journal.accept(self.held.batch_id, self.held.fence, accepted)

    def _mark(self, subscriber_ids: Sequence[int]) -> None:
        held = self.held
        if self.journal:
            self.journal.arm(held.batch_id, held.fence, subscriber_ids)
        else:
            ledger.arm(self.engine, held, subscriber_ids, now=self.clock())

    @property
    def _stopped(self) -> bool:
        return self.stop is not None and self.stop.is_set()

    def _begun(self, receipts: list[Receipt]) -> list[Receipt]:
        """Leave out whom a worker that had to stop did not come to: it did not try."""
        if not self._stopped:
            return receipts
        return [
            each
            for each in receipts
            if each.outcome is not Outcome.LATER or each.subscriber_id in self._armed
        ]

    def _turned_away(self, problem: SenderProblem) -> list[Receipt]:
        """Nobody without a receipt was accepted, even if they were armed."""
        others = self._armed - {each.subscriber_id for each in problem.receipts}
        later = [Receipt(each, Outcome.LATER, str(problem)) for each in others]
        return [*problem.receipts, *later]

    def _in_doubt(self) -> list[Receipt]:
        """Sending broke off: who was not heard to be accepted may have been."""
        reason = "sending broke off before an answer came"
        return [
            Receipt(each, Outcome.ACCEPTED)
            if each in self._accepted
            else Receipt(each, Outcome.UNKNOWN, reason)
            for each in self._armed
        ]
