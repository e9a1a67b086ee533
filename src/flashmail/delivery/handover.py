"""Hand over: one claimed batch goes through the transport, each mail marked before."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine

from flashmail.campaigns.content import load_message
from flashmail.database import AWAY
from flashmail.delivery import ledger
from flashmail.delivery.claim import ATTRIBUTE, BECAUSE, Claim, ClaimedReader
from flashmail.delivery.journal import Journal
from flashmail.delivery.rate_limit import Pacer
from flashmail.links import NOBODY, Purpose, Tokens
from flashmail.message import (
    BOUNCE,
    FIRST,
    LEAVE,
    PIXEL,
    TOKEN,
    WATCH,
    Message,
    used_fields,
)
from flashmail.model import Priority
from flashmail.rendering.brief_values import list_in_words
from flashmail.settings import Tracking
from flashmail.transports import (
    Fenced,
    Outcome,
    Receipt,
    Recipient,
    SenderProblem,
    Transport,
)

#: Tokens of a delivery that stand in every mail, whatever its message marks.
PURPOSES = {
    TOKEN: Purpose.WATCH,
    LEAVE: Purpose.LEAVE,
    BOUNCE: Purpose.BOUNCE,
}

PLAIN: dict[str, Callable[[ClaimedReader], str]] = {
    "name": lambda reader: reader.name,
    "first_name": lambda reader: reader.name.split(" ")[0],
    "address": lambda reader: reader.address,
}

#: The values of a field, in the order of the readers.
Column = Sequence[str]


def recipients(
    held: Claim,
    message: Message,
    tokens: Tokens,
    tracking: Tracking = Tracking.REFUSABLE,
) -> list[Recipient]:
    """Return the batch's readers with a value for each field that the message marks.

    Readers without tracking get no pixel, and links that are the same for all of them.
    """
    # By columns: a call for each field of each reader would cost more than its value.
    columns = _tokens(held, tokens)
    used = used_fields(message)
    if WATCH in used:
        columns |= _watched(held, tokens, columns[TOKEN], tracking)
    for name in used - columns.keys() - {WATCH, PIXEL}:
        columns[name] = _column(name, held)
    names = tuple(columns)
    rows = zip(*columns.values(), strict=True)
    return [
        Recipient(reader.subscriber_id, reader.address, dict(zip(names, row)))  # noqa: B905 - strict costs as much again
        for reader, row in zip(held.readers, rows, strict=True)
    ]


def may_be_watched(consent: bool | None, tracking: Tracking) -> bool:
    """Return whether somebody's opens and clicks may be told from others'."""
    if tracking is Tracking.REFUSABLE:
        return consent is not False
    return tracking is Tracking.CONSENT and consent is True


def _tokens(held: Claim, tokens: Tokens) -> dict[str, Column]:
    ids = [reader.subscriber_id for reader in held.readers]
    number, first = held.campaign.id, held.campaign.amends_id
    assert number is not None
    columns: dict[str, Column] = {
        field: tokens.write_all(purpose, number, ids)
        for field, purpose in PURPOSES.items()
    }
    if first is not None:
        # The Message-ID of what it answers holds the token that the first one had.
        columns[FIRST] = tokens.write_all(PURPOSES[TOKEN], first, ids)
    return columns


def _watched(
    held: Claim, tokens: Tokens, own: Column, tracking: Tracking
) -> dict[str, Column]:
    """Return the tokens in links and in the pixel, where somebody may be watched."""
    consents = {reader.consent for reader in held.readers}
    allowed = {each for each in consents if may_be_watched(each, tracking)}
    if allowed == consents:
        return {WATCH: own, PIXEL: own}
    assert held.campaign.id is not None
    nobody = tokens.write(Purpose.WATCH, held.campaign.id, NOBODY)

    def unless_watched(other: str) -> Column:
        pairs = zip(held.readers, own, strict=True)
        return [token if who.consent in allowed else other for who, token in pairs]

    return {WATCH: unless_watched(nobody), PIXEL: unless_watched("")}


def _column(field: str, held: Claim) -> Column:
    if field == BECAUSE:
        return _reasons(held)
    if field.startswith(ATTRIBUTE):
        name = field.removeprefix(ATTRIBUTE)
        attributes = (reader.attributes or {} for reader in held.readers)
        return [str(each.get(name) or "") for each in attributes]
    value = PLAIN[field]
    return [value(reader) for reader in held.readers]


def _reasons(held: Claim) -> Column:
    """Say through which topics each reader gets the mail; most have the same few."""
    said: dict[str | None, str] = {}
    for topics in {reader.topics for reader in held.readers}:
        ids = sorted(map(int, topics.split(","))) if topics else ()
        said[topics] = list_in_words([held.topics[each] for each in ids])
    return [said[reader.topics] for reader in held.readers]


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchOutcome:
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
    metronome: Pacer | None = None
    stop: asyncio.Event | None = None
    tracking: Tracking = Tracking.REFUSABLE
    _armed: set[int] = field(default_factory=set)
    _accepted: set[int] = field(default_factory=set)

    async def carry(self, transport: Transport, tokens: Tokens) -> BatchOutcome:
        """Hand the batch to the transport, and say what became of it."""
        try:
            return BatchOutcome(self._begun(await self._send(transport, tokens)))
        except SenderProblem as problem:
            return BatchOutcome(self._turned_away(problem), str(problem))
        except (Fenced, *AWAY) as problem:
            # That the database is away is no fault of the campaign: it goes on later.
            logger.warning("batch %d is not sent: %s", self.held.batch_id, problem)
            return BatchOutcome(self._in_doubt())
        except Exception as problem:
            # It would go wrong again at once: a person has to look at this campaign.
            logger.exception("campaign %s cannot be sent", self.held.campaign.id)
            return BatchOutcome(self._in_doubt(), f"it cannot be sent: {problem}")

    async def _send(self, transport: Transport, tokens: Tokens) -> list[Receipt]:
        if not self.held.readers:
            return []
        message = load_message(self.held.campaign)
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
        """Let the journal know which reader comes next, as long as this lasts."""
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
        """Leave out readers that a stopping worker did not come to: it did not try."""
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
        """Sending broke off: readers without an answer may have been accepted."""
        reason = "sending broke off before an answer came"
        return [
            Receipt(each, Outcome.ACCEPTED)
            if each in self._accepted
            else Receipt(each, Outcome.UNKNOWN, reason)
            for each in self._armed
        ]
