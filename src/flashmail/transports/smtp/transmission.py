"""One call of `send`: readers that wait, mails on their way, and receipts."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Protocol

from flashmail.errors import WrongInput
from flashmail.message import Message
from flashmail.message.headers import mailbox
from flashmail.message.mime import compiled
from flashmail.transports.base import (
    Arm,
    Fenced,
    Listener,
    Outcome,
    Receipt,
    Recipient,
    SenderProblem,
)
from flashmail.transports.smtp.session import Capabilities, Session


class MailSender(Protocol):
    """The sender of a mail that waits for its mark."""

    def hand_over(self) -> None:
        """Write the mail that is opened, unless its round has stopped."""
        ...


class ResultSink(Protocol):
    """What becomes of a round's mails is written down here."""

    @property
    def stopped(self) -> bool:
        """Whether no further mail may be handed over."""
        ...

    def ready(self, carrier: MailSender, mail: "OutgoingMail") -> None:
        """Mark a mail durably as about to be handed over, then call the carrier."""
        ...

    def accept(self, mail: "OutgoingMail") -> None: ...

    def book(self, mail: "OutgoingMail", outcome: Outcome, reason: str) -> None: ...

    def put_back(self, mail: "OutgoingMail", reason: str) -> None:
        """Take a mail back that was surely not handed over, for another session."""
        ...

    def blame_sender(self, mail: "OutgoingMail", reason: str) -> None: ...


@dataclass(slots=True)
class OutgoingMail:
    """One reader's mail, ready to be carried."""

    round: ResultSink
    subscriber_id: int
    sender: bytes
    address: bytes
    body: bytes
    needs_smtputf8: bool = False

    def envelope(self, offer: Capabilities) -> bytes:
        """Return the commands that open the mail."""
        size = b"" if offer.size is None else b" SIZE=%d" % len(self.body)
        utf8 = b" SMTPUTF8" if self.needs_smtputf8 else b""
        return b"MAIL FROM:<%b>%b%b\r\nRCPT TO:<%b>\r\nDATA\r\n" % (
            self.sender,
            size,
            utf8,
            self.address,
        )

    def commands(self, offer: Capabilities) -> list[bytes]:
        """Return them one by one."""
        return self.envelope(offer).splitlines(keepends=True)

    def too_large(self, offer: Capabilities) -> SenderProblem | None:
        """Return the problem of having more octets than the server takes."""
        if not offer.size or len(self.body) <= offer.size:
            return None
        return SenderProblem(
            f"the mail has {len(self.body)} bytes,"
            f" and the SMTP server takes {offer.size}"
        )


#: So often a mail goes to another session after one was lost before it was written.
TRIES = 3


class Transmission:
    """Gives mails to carriers and hears from them what became of each.

    It is `finished` when nobody waits and no mail is on its way.
    """

    def __init__(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> None:
        self._form = compiled(message)
        self._recipients = recipients
        self._queue = deque(recipients)
        self._again: deque[OutgoingMail] = deque()
        self._tries: dict[int, int] = {}
        self._on_their_way = 0
        self._booked: dict[int, Receipt] = {}
        self._stop: Exception | None = None
        self._unreachable = ""
        self._marks = _Marks(self, arm)
        self.urgent = self._marks.urgent
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def stopped(self) -> bool:
        return self._stop is not None

    @property
    def waiting(self) -> bool:
        """Whether there are mails that a session may take."""
        given_up = self._stop or self._unreachable
        return not given_up and bool(self._queue or self._again)

    def next(self, session: Session) -> OutgoingMail | None:
        """Return a mail that this session can carry."""
        while self.waiting:
            mail = self._again.popleft() if self._again else self._made()
            if mail and self._fits(mail, session):
                self._on_their_way += 1
                return mail
        self._look_whether_done()
        return None

    def ready(self, carrier: MailSender, mail: OutgoingMail) -> None:
        self._marks.mark(carrier, mail)

    def accept(self, mail: OutgoingMail) -> None:
        number = mail.subscriber_id
        self._booked[number] = Receipt(number, Outcome.ACCEPTED)
        self._marks.note(number)
        self._came_back()

    def book(self, mail: OutgoingMail, outcome: Outcome, reason: str) -> None:
        self._write(mail.subscriber_id, outcome, reason)
        self._came_back()

    def put_back(self, mail: OutgoingMail, reason: str) -> None:
        tries = self._tries.get(mail.subscriber_id, 0) + 1
        self._tries[mail.subscriber_id] = tries
        if tries < TRIES:
            self._again.append(mail)
        else:
            self._write(mail.subscriber_id, Outcome.LATER, reason)
        self._came_back()

    def blame_sender(self, mail: OutgoingMail, reason: str) -> None:
        self.stop(SenderProblem(reason))
        self._came_back()

    def stop(self, reason: Exception) -> None:
        """Hand over nothing more, and wait for what is on its way."""
        self._stop = self._stop or reason
        self._look_whether_done()

    def give_up(self, reason: str) -> None:
        """Leave the waiting readers for later: no session can carry the mails."""
        self._unreachable = reason
        self._look_whether_done()

    def leave(self) -> None:
        """Hand over nothing more, whatever is on its way: nobody waits for it."""
        if not self.finished.done() or self.finished.cancelled():
            self._stop = self._stop or Fenced("stopped")
        self._marks.leave()

    def receipts(self) -> list[Receipt]:
        """Return a receipt for everybody, or raise the problem there was."""
        if isinstance(self._stop, SenderProblem):
            self._stop.receipts = list(self._booked.values())
        if self._stop and not isinstance(self._stop, Fenced):
            raise self._stop
        reason = str(self._stop) if self._stop else self._unreachable
        for each in self._recipients:
            if each.subscriber_id not in self._booked:
                self._write(each.subscriber_id, Outcome.LATER, reason)
        return list(self._booked.values())

    def _made(self) -> OutgoingMail | None:
        """Personalise the next reader's mail; refuse what cannot be one."""
        number, address, values = self._queue.popleft()
        try:
            box = mailbox(address)
            body = self._form.write(box, values, _date())
            sender = self._form.envelope_sender(values)
        except WrongInput as problem:
            self._write(number, Outcome.REFUSED, str(problem))
            return None
        return OutgoingMail(self, number, sender, box.octets, body, box.needs_smtputf8)

    def _fits(self, mail: OutgoingMail, session: Session) -> bool:
        if mail.needs_smtputf8 and not session.offer.smtputf8:
            reason = "smtputf8: the server takes only ASCII before the @"
            self._write(mail.subscriber_id, Outcome.REFUSED, reason)
            return False
        problem = mail.too_large(session.offer)
        if problem:
            self.stop(problem)
        return problem is None

    def _write(self, subscriber_id: int, outcome: Outcome, reason: str) -> None:
        self._booked[subscriber_id] = Receipt(subscriber_id, outcome, reason)

    def _came_back(self) -> None:
        self._on_their_way -= 1
        if not self._on_their_way:
            self._look_whether_done()

    def _look_whether_done(self) -> None:
        if not (self._on_their_way or self.waiting or self.finished.done()):
            self.finished.set_result(None)


class _Marks:
    """Marks a round's mails, all together that are ready at the same moment."""

    def __init__(self, round_: Transmission, arm: Arm) -> None:
        listener = arm if isinstance(arm, Listener) else None
        self.urgent = listener.urgent if listener else False
        self._together = listener.together if listener else None
        self._round, self._arm, self._listener = round_, arm, listener
        self._loop = asyncio.get_running_loop()
        self._ready: list[tuple[MailSender, int]] = []
        self._accepted: list[int] = []
        self._marking: asyncio.Task[None] | None = None
        self._telling = False

    def mark(self, carrier: MailSender, mail: OutgoingMail) -> None:
        self._ready.append((carrier, mail.subscriber_id))
        if self._marking is None:
            self._marking = self._loop.create_task(self._mark())

    def note(self, subscriber_id: int) -> None:
        """Tell of an accepted reader, together with others."""
        if self._listener is None:
            return
        self._accepted.append(subscriber_id)
        if not self._telling:
            self._telling = True
            self._loop.call_soon(self._tell)

    def leave(self) -> None:
        if self._marking:
            self._marking.cancel()

    async def _mark(self) -> None:
        group: list[tuple[MailSender, int]] = []
        try:
            while self._ready:
                # A turn of the loop later, so that a mail about to be ready comes
                # along: ten marks to a sync instead of five, with ten connections.
                await asyncio.sleep(0)
                group = self._ready[: self._together]
                del self._ready[: self._together]
                # The accepted ones first: a line then has one mail at most in doubt.
                self._tell()
                await self._arm([number for _, number in group])
                _hand_over(group)
        except asyncio.CancelledError:
            self._end(group, Fenced("stopped"))
            raise
        except Exception as problem:
            self._end(group, problem)
        finally:
            self._marking = None

    def _end(self, group: list[tuple[MailSender, int]], problem: Exception) -> None:
        self._round.stop(problem)
        rest, self._ready = self._ready, []
        _hand_over(group + rest)

    def _tell(self) -> None:
        self._telling = False
        accepted, self._accepted = self._accepted, []
        if self._listener and accepted:
            self._listener.heard(accepted)


def _hand_over(group: Sequence[tuple[MailSender, int]]) -> None:
    for carrier, _ in group:
        carrier.hand_over()


def _date() -> bytes:
    return _date_of(int(time.time()))


@lru_cache(maxsize=2)
def _date_of(second: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(second, UTC)).encode()
