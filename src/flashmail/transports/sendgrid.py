"""SendGrid's v3 mail/send: one request carries a message to 1,000 readers.

SendGrid takes a request whole or not at all. One bad reader in a thousand is refused
alone all the same: by the place that the answer names, else by halving.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import httpx2 as httpx
import orjson

from flashmail.errors import WrongInput
from flashmail.message import Message
from flashmail.transports.base import (
    Arm,
    Fenced,
    Outcome,
    Receipt,
    Recipient,
    SenderProblem,
)
from flashmail.transports.sendgrid_body import (
    PERSONALIZATIONS,
    Json,
    SendGridMail,
    prepared,
)

#: As much of an answer as is kept as a reason.
REASON_LENGTH = 200

#: SendGrid's keys, and whatever a broken proxy may echo of a request's head.
KEYS = re.compile(r"SG\.[\w-]+(\.[\w-]+)?|Bearer\s+\S+")

PERSONALIZATION = re.compile(r"personalizations(?:\.(\d+)|\[(\d+)\])").match


class Meaning(Enum):
    """What became of a request."""

    ACCEPTED = auto()
    BAD_READER = auto()  # refused whole, because of one reader at least
    BAD_SENDER = auto()  # refused whole, and it would be for any reader
    SLOWER = auto()  # refused for now
    UNREACHED = auto()  # it did not even begin
    UNKNOWN = auto()
    NOT_SENDGRID = auto()  # taken, but by another server


MEANINGS = {
    202: Meaning.ACCEPTED,
    400: Meaning.BAD_READER,
    413: Meaning.BAD_READER,
    408: Meaning.UNKNOWN,
    429: Meaning.SLOWER,
}


@dataclass(frozen=True)
class Answer:
    """A request's end, with the places of the readers that the answer names."""

    meaning: Meaning
    reason: str
    named: frozenset[int] = frozenset()


def read(status: int, body: bytes) -> Answer:
    """Say what a status and a body mean."""
    errors = _errors(body)
    reason = _reason(status, errors)
    meaning = MEANINGS.get(status) or _by_class(status)
    if meaning is not Meaning.BAD_READER:
        return Answer(meaning, reason)
    fields = [str(error.get("field") or "") for error in errors]
    if any(fields) and not any(field.startswith("personal") for field in fields):
        return Answer(Meaning.BAD_SENDER, reason)
    return Answer(meaning, reason, frozenset(_places(fields)))


def _by_class(status: int) -> Meaning:
    if status >= 500:
        return Meaning.UNKNOWN
    return Meaning.NOT_SENDGRID if 200 <= status < 300 else Meaning.BAD_SENDER


def _places(fields: Iterable[str]) -> Iterable[int]:
    for name in fields:
        if found := PERSONALIZATION(name):
            yield int(found[1] or found[2])


def _errors(body: bytes) -> list[dict[str, Any]]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    errors = told.get("errors") if isinstance(told, dict) else None
    if not isinstance(errors, list):
        return []
    return [error for error in errors if isinstance(error, dict)]


def _reason(status: int, errors: Iterable[dict[str, Any]]) -> str:
    said = "; ".join(str(error.get("message") or "") for error in errors)
    return KEYS.sub("(key)", f"SendGrid: {status} {said}".strip())[:REASON_LENGTH]


#: In seconds. SendGrid answers within one; a large batch may take a few.
TIMEOUT = httpx.Timeout(60, connect=10)

#: The request did not begin, so nothing of it can have been accepted.
NEVER_BEGUN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

#: How long a call waits at most when SendGrid asks for patience, in seconds, how long
#: when it does not say, and how often.
LONGEST_WAIT, USUAL_WAIT, WAITS = 60.0, 1.0, 5

#: When so many were refused one by one and nobody was taken, it is not the readers.
SUSPECTS = 3

#: A batch takes 12 requests to find one bad reader; the rest of a worse one waits.
REQUESTS = 64

Clock = Callable[[], float]

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class _Pending:
    subscriber_id: int
    personalization: Json


class _Stopped(Exception):
    """SendGrid is in trouble, or wants patience: the rest of the batch goes later."""


@dataclass
class _Batch:
    """One call's readers and what is known of them."""

    mail: SendGridMail
    arm: Arm
    settled: list[Receipt] = field(default_factory=list)
    #: Refused, and SendGrid did not say that it was because of them.
    suspects: list[Receipt] = field(default_factory=list)
    requests: int = 0
    accepted: bool = False

    @property
    def receipts(self) -> list[Receipt]:
        return [*self.settled, *self.suspects]

    def book(self, readers: Iterable[_Pending], outcome: Outcome, reason: str) -> None:
        self.settled += [
            Receipt(each.subscriber_id, outcome, reason) for each in readers
        ]

    def suspect(self, reader: _Pending, reason: str) -> None:
        self.suspects.append(Receipt(reader.subscriber_id, Outcome.REFUSED, reason))

    def check_suspects(self) -> None:
        """Raise SenderProblem when it must be the message that is refused."""
        if len(self.suspects) >= SUSPECTS and not self.accepted:
            raise SenderProblem(self.suspects[0].reason, self.settled)


class SendGrid:
    """Sends through SendGrid. The client is handed in, with the key and the base URL.

    Calls of `send` may run beside each other; they wait together when SendGrid asks
    for patience.
    """

    batch_size = PERSONALIZATIONS
    arms_singly = False

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        timeout: httpx.Timeout = TIMEOUT,
        clock: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._client = client
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self._resume_at = 0.0

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        batch = _Batch(prepared(message), arm)
        readers: Sequence[_Pending] = _personalized(batch, recipients)
        reason = "too many bad readers in one batch"
        try:
            while readers and batch.requests < REQUESTS:
                readers = await self._round(batch, readers)
        except (Fenced, _Stopped) as stop:
            reason = str(stop)
        batch.check_suspects()
        return [*batch.receipts, *_later(recipients, batch.receipts, reason)]

    async def close(self) -> None:
        await self._client.aclose()

    async def _round(
        self, batch: _Batch, readers: Sequence[_Pending]
    ) -> Sequence[_Pending]:
        """Send one request; return the readers that it was not refused for."""
        answer = await self._request(batch, readers)
        if answer.meaning is Meaning.ACCEPTED:
            return []
        named = [each for at, each in enumerate(readers) if at in answer.named]
        if named:
            batch.book(named, Outcome.REFUSED, answer.reason)
            return [each for at, each in enumerate(readers) if at not in answer.named]
        return await self._halve(batch, readers, answer)

    async def _halve(
        self, batch: _Batch, readers: Sequence[_Pending], answer: Answer
    ) -> Sequence[_Pending]:
        """Find one bad reader among some that were refused; return the undecided.

        A reader in a good half is accepted on the way. The other half of a bad one
        is left undecided: all such go out together afterwards.
        """
        undecided: list[_Pending] = []
        while len(readers) > 1:
            half = len(readers) // 2
            tried, other = readers[:half], readers[half:]
            # Bad readers stand together: every second time, look from the other end.
            if len(batch.suspects) % 2:
                tried, other = other, tried
            again = await self._request(batch, tried)
            if again.meaning is Meaning.ACCEPTED:
                readers = other
            else:
                answer, readers = again, tried
                undecided += other
        batch.suspect(readers[0], answer.reason)
        return undecided

    async def _request(self, batch: _Batch, readers: Sequence[_Pending]) -> Answer:
        """Send one request; return when it was accepted, or refused for a reader."""
        batch.requests += 1
        answer = await self._patiently(batch, readers)
        match answer.meaning:
            case Meaning.ACCEPTED:
                batch.accepted = True
                batch.book(readers, Outcome.ACCEPTED, "")
            case Meaning.UNKNOWN:
                batch.book(readers, Outcome.UNKNOWN, answer.reason)
                raise _Stopped(answer.reason)
            case Meaning.SLOWER | Meaning.UNREACHED:
                raise _Stopped(answer.reason)
            case Meaning.NOT_SENDGRID:
                batch.book(readers, Outcome.UNKNOWN, answer.reason)
                raise SenderProblem(answer.reason, batch.receipts)
            case Meaning.BAD_SENDER:
                raise SenderProblem(answer.reason, batch.receipts)
        return answer

    async def _patiently(self, batch: _Batch, readers: Sequence[_Pending]) -> Answer:
        """Post, and again after the time that SendGrid asks for, if that is short."""
        for _ in range(WAITS):
            wait = self._resume_at - self._clock()
            if wait > LONGEST_WAIT:
                break
            if wait > 0:
                await self._sleep(wait)
            answer = await self._post(batch, readers)
            if answer.meaning is not Meaning.SLOWER:
                return answer
        seconds = max(0, round(self._resume_at - self._clock()))
        return Answer(Meaning.SLOWER, f"SendGrid: 429, again in {seconds} s")

    async def _post(self, batch: _Batch, readers: Sequence[_Pending]) -> Answer:
        body = batch.mail.body([each.personalization for each in readers])
        await batch.arm([each.subscriber_id for each in readers])
        try:
            response = await self._client.post(
                "/v3/mail/send",
                content=body,
                headers={"Content-Type": "application/json"},
                timeout=self._timeout,
                follow_redirects=False,
            )
        except NEVER_BEGUN as failure:
            reason = f"SendGrid cannot be reached: {type(failure).__name__}"
            return Answer(Meaning.UNREACHED, reason)
        except (httpx.TransportError, httpx.DecodingError) as failure:
            reason = f"SendGrid did not answer: {type(failure).__name__}"
            return Answer(Meaning.UNKNOWN, reason)
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._resume_at = self._clock() + self._patience(response.headers)
        return read(response.status_code, response.content)

    def _patience(self, headers: Mapping[str, str]) -> float:
        """Return for how many seconds SendGrid wants no requests."""
        try:
            wait = float(headers["X-RateLimit-Reset"]) - self._clock()
        except (KeyError, ValueError):
            return USUAL_WAIT
        # Its clock and ours differ: never less than a moment, so no hot loop.
        return max(wait, 0.1)


def _personalized(batch: _Batch, recipients: Sequence[Recipient]) -> list[_Pending]:
    """Prepare the readers; book those that SendGrid could only refuse."""
    readers = []
    for each in recipients:
        try:
            personalization = batch.mail.personalization(each)
        except WrongInput as problem:
            receipt = Receipt(each.subscriber_id, Outcome.REFUSED, str(problem))
            batch.settled.append(receipt)
        else:
            readers.append(_Pending(each.subscriber_id, personalization))
    return readers


def _later(
    recipients: Sequence[Recipient], receipts: Iterable[Receipt], reason: str
) -> Iterable[Receipt]:
    """Put off readers without a receipt."""
    settled = {receipt.subscriber_id for receipt in receipts}
    for each in recipients:
        if each.subscriber_id not in settled:
            yield Receipt(each.subscriber_id, Outcome.LATER, reason)
