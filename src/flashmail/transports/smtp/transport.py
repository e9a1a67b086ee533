"""The SMTP transport: some sessions, kept open, share out each batch."""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from flashmail.errors import WrongInput
from flashmail.message import Message
from flashmail.message.mailbox import mailbox
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
from flashmail.transports.smtp.carrier import Carrier, Mail, too_large
from flashmail.transports.smtp.session import Session, Unreachable
from flashmail.transports.smtp.settings import RFC_5321, SmtpSettings, Timeouts, Tls

#: A session that rested longer, in seconds, or carried more is closed: servers drop
#: old ones, and the load of a cluster moves only with new ones.
IDLE_LIMIT, MAILS_LIMIT = 60.0, 1000

#: So often a mail goes to another session after one was lost before it was written.
TRIES = 3


#: A lane ends after so many sessions in a row that were lost before they carried any.
FAILURES = 2


class Smtp:
    """Sends through an SMTP server. Calls of `send` may run beside each other.

    `hostname` is the name by which we introduce ourselves; by default this machine's.
    `context` is for servers whose certificates the system does not know.
    """

    batch_size = 500
    arms_singly = True

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        connections: int = 10,
        timeouts: Timeouts = RFC_5321,
        hostname: str = "",
        context: ssl.SSLContext | None = None,
        idle_limit: float = IDLE_LIMIT,
        mails_limit: int = MAILS_LIMIT,
    ) -> None:
        self._settings = settings
        self._connections = connections
        self._timeouts = timeouts
        self._hostname = hostname
        self._context = context or _context(settings)
        self._idle_limit = idle_limit
        self._mails_limit = mails_limit
        self._places = asyncio.Semaphore(connections)
        self._idle: list[Session] = []

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        round_ = _Round(message, recipients, arm, self._mails_limit)
        lanes = min(self._connections, len(recipients))
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(self._lane(round_))
        return round_.receipts()

    async def close(self) -> None:
        idle, self._idle = self._idle, []
        await asyncio.gather(*(session.close() for session in idle))

    async def _lane(self, round_: "_Round") -> None:
        """Carry mails through one session after another while there are any."""
        async with self._places:
            failures = 0
            while round_.waiting and failures < FAILURES:
                try:
                    carried = await self._carry(round_)
                except Unreachable as problem:
                    round_.unreachable(str(problem))
                    return
                except (Fenced, SenderProblem) as stop:
                    round_.stop(stop)
                    return
                failures = 0 if carried else failures + 1

    async def _carry(self, round_: "_Round") -> bool:
        """Carry mails through one session; return whether any was decided on."""
        session = await self._session()
        before = session.decided
        await Carrier(session, round_).carry()
        if session.line.lost:
            round_.unreachable(session.line.lost)
        await self._keep(session)
        return session.decided > before

    async def _session(self) -> Session:
        while self._idle:
            session = self._idle.pop()
            rested = time.monotonic() - session.idle_since
            if session.line.is_quiet() and rested < self._idle_limit:
                return session
            await session.close()
        return await Session.open(
            self._settings, self._timeouts, self._context, self._hostname
        )

    async def _keep(self, session: Session) -> None:
        if session.line.is_quiet() and session.begun < self._mails_limit:
            session.idle_since = time.monotonic()
            self._idle.append(session)
        else:
            await session.close()


class _Round:
    """One call of `send`: the readers who wait, and the receipts."""

    def __init__(
        self,
        message: Message,
        recipients: Sequence[Recipient],
        arm: Arm,
        mails_limit: int,
    ) -> None:
        self._form = compiled(message)
        self._recipients = recipients
        self._queue = deque(recipients)
        self._again: deque[Mail] = deque()
        self._tries: dict[int, int] = {}
        self._arm = arm
        self._listener = arm if isinstance(arm, Listener) else None
        self._mails_limit = mails_limit
        self._booked: dict[int, Receipt] = {}
        self._stop: Fenced | SenderProblem | None = None
        self._unreachable = ""

    @property
    def stopped(self) -> bool:
        return self._stop is not None

    @property
    def waiting(self) -> bool:
        return not self.stopped and bool(self._queue or self._again)

    def next(self, session: Session) -> Mail | None:
        while self.waiting and session.begun < self._mails_limit:
            mail = self._again.popleft() if self._again else self._made()
            if mail and self._fits(mail, session):
                session.begun += 1
                return mail
        return None

    async def arm(self, mail: Mail) -> None:
        await self._arm((mail.subscriber_id,))

    def book(self, mail: Mail, outcome: Outcome, reason: str) -> None:
        self._write(mail.subscriber_id, outcome, reason)

    def put_back(self, mail: Mail, reason: str) -> None:
        tries = self._tries.get(mail.subscriber_id, 0) + 1
        self._tries[mail.subscriber_id] = tries
        if tries < TRIES:
            self._again.append(mail)
        else:
            self.book(mail, Outcome.LATER, reason)

    def blame_sender(self, reason: str) -> None:
        self.stop(SenderProblem(reason))

    def stop(self, reason: Fenced | SenderProblem) -> None:
        self._stop = self._stop or reason

    def unreachable(self, reason: str) -> None:
        self._unreachable = reason

    def receipts(self) -> list[Receipt]:
        """Return a receipt for everybody, or raise the SenderProblem there was."""
        if isinstance(self._stop, SenderProblem):
            self._stop.receipts = list(self._booked.values())
            raise self._stop
        reason = str(self._stop) if self._stop else self._unreachable
        for each in self._recipients:
            if each.subscriber_id not in self._booked:
                self._write(each.subscriber_id, Outcome.LATER, reason)
        return list(self._booked.values())

    def _made(self) -> Mail | None:
        """Personalise the next reader's mail; refuse what cannot be one."""
        reader = self._queue.popleft()
        try:
            box = mailbox(reader.address)
            body = self._form.fill(reader.address, reader.values, _date())
            sender = self._form.envelope_sender(reader.values)
        except WrongInput as problem:
            self._write(reader.subscriber_id, Outcome.REFUSED, str(problem))
            return None
        return Mail(reader.subscriber_id, sender, box.octets, body, box.needs_smtputf8)

    def _fits(self, mail: Mail, session: Session) -> bool:
        if mail.needs_smtputf8 and not session.offer.smtputf8:
            reason = "smtputf8: the server takes only ASCII before the @"
            self.book(mail, Outcome.REFUSED, reason)
            return False
        problem = too_large(mail, session.offer)
        if problem:
            self.stop(problem)
        return problem is None

    def _write(self, subscriber_id: int, outcome: Outcome, reason: str) -> None:
        receipt = Receipt(subscriber_id, outcome, reason)
        self._booked[subscriber_id] = receipt
        if self._listener:
            self._listener.heard(receipt)


def _context(settings: SmtpSettings) -> ssl.SSLContext | None:
    # Reading the system's certificates takes a while.
    return None if settings.tls is Tls.NEVER else ssl.create_default_context()


def _date() -> str:
    return _date_of(int(time.time()))


@lru_cache(maxsize=2)
def _date_of(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))
