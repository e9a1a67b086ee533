"""Failover: a second way out for what the first one surely did not take."""

from collections.abc import Sequence

from flashmail.message import Message
from flashmail.transports.base import (
    Arm,
    Outcome,
    Receipt,
    Recipient,
    SenderProblem,
    Transport,
)


class Failover:
    """Sends through the first transport; through the second while the first is down.

    Down means that it took nobody of a batch. A single reader who is put off waits for
    the first one. What is unknown stays so: the second transport would send it twice.
    """

    def __init__(self, first: Transport, second: Transport) -> None:
        self._first, self._second = first, second

    @property
    def batch_size(self) -> int:
        return min(self._first.batch_size, self._second.batch_size)

    @property
    def arms_singly(self) -> bool:
        return self._first.arms_singly or self._second.arms_singly

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        try:
            receipts = await self._first.send(message, recipients, arm)
        except SenderProblem as problem:
            receipts = list(problem.receipts)
            if not _took_nobody(receipts):
                raise
        if not _took_nobody(receipts):
            return receipts
        return await self._second.send(message, recipients, arm)

    async def close(self) -> None:
        await self._first.close()
        await self._second.close()


def _took_nobody(receipts: Sequence[Receipt]) -> bool:
    return all(receipt.outcome is Outcome.LATER for receipt in receipts)
