"""What every way out of the house has in common."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

from flashmail.errors import FlashmailError
from flashmail.message import Message


class Recipient(NamedTuple):
    """One address on one message, and its value for each field that is marked.

    `values` are plain text: the transport escapes them for where they stand. The
    tokens of `message.TOKENS` are among them.
    """

    subscriber_id: int
    address: str
    values: Mapping[str, str] = MappingProxyType({})


class Outcome(StrEnum):
    """What a transport can say of one recipient."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # for good: the address will not take it
    LATER = "later"  # surely not accepted; the same mail may be handed over again
    UNKNOWN = "unknown"  # perhaps accepted; only an event can tell


class Receipt(NamedTuple):
    """A transport's word on one recipient, with the server's answer as the reason."""

    subscriber_id: int
    outcome: Outcome
    reason: str = ""


class SenderProblem(FlashmailError):
    """The provider turns us away, not the reader: the campaign has to pause.

    Recipients without a receipt were surely not accepted. `receipts` are those of
    the same batch that came before the trouble.
    """

    def __init__(self, reason: str, receipts: Sequence[Receipt] = ()) -> None:
        super().__init__(reason)
        self.receipts = receipts


class Fenced(FlashmailError):
    """This worker lost its lease: nothing more of the batch may be handed over."""


#: Called with subscriber ids right before the bytes that can cause acceptance; returns
#: when the mark is durable. Raises `Fenced` when the batch is another worker's now.
Arm = Callable[[Sequence[int]], Awaitable[None]]


@runtime_checkable
class Listener(Protocol):
    """An `Arm` that knows more of its batch, and hears at once of accepted readers.

    A transport that arms singly tells it: what it told is not in doubt if it dies.
    """

    @property
    def urgent(self) -> bool:
        """Whether it goes before others that are on their way already."""
        ...

    @property
    def together(self) -> int:
        """How many may be marked at once at most."""
        ...

    def heard(self, accepted: Sequence[int]) -> None:
        """Take note of accepted readers; their receipts are returned as well."""
        ...


class Transport(Protocol):
    """A way out. It stores nothing and decides nothing about readers."""

    @property
    def batch_size(self) -> int:
        """How many recipients one call takes at most."""
        ...

    @property
    def arms_singly(self) -> bool:
        """Whether it arms mail by mail, not a request's recipients together."""
        ...

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        """Hand the message over; return a receipt for each recipient, in any order.

        A reader armed without an answer is UNKNOWN; one that was not armed is LATER,
        as all the rest are once `arm` raised Fenced. Raises SenderProblem.
        """
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...


class Failover:
    """Sends through the first transport; through the second while the first is down.

    Down means that it took nobody of a batch. A single reader that is put off waits for
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
