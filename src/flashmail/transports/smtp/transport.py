"""The SMTP transport: some sessions, kept open, share out each batch.

A session belongs to no batch. Whenever it can take a mail it takes the next one there
is, an urgent one before any other, so that a batch ends and the next begins without a
pause, and what is urgent waits for no more than the mails in flight.
"""

import asyncio
import ssl
import time
from collections.abc import Sequence

from flashmail.message import Message
from flashmail.transports.base import Arm, Receipt, Recipient, SenderProblem
from flashmail.transports.smtp.pipeline import Pipeline
from flashmail.transports.smtp.session import GOODBYE, Session, SessionUnavailable
from flashmail.transports.smtp.settings import RFC_5321, SmtpSettings, Timeouts, Tls
from flashmail.transports.smtp.transmission import OutgoingMail, Transmission

#: A session that rested longer, in seconds, or carried more is closed: servers drop
#: old ones, and the load of a cluster moves only with new ones.
IDLE_LIMIT, MAILS_LIMIT = 60.0, 1000

#: A lane ends after so many sessions in a row that were lost before they carried any.
FAILURES = 2


class Smtp:
    """Sends through an SMTP server. Calls of `send` may run beside each other.

    `hostname` is the name by which we introduce ourselves; by default this machine's.
    `context` is for servers with certificates that the system does not know.
    """

    batch_size = 1000
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
        self._rounds = _Transmissions(mails_limit)
        self._lanes: set[asyncio.Task[None]] = set()
        self._idle: list[Session] = []
        self._unreachable = ""

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        if not recipients:
            return []
        round_ = Transmission(message, recipients, arm)
        self._rounds.begin(round_)
        for _ in range(min(self._connections - len(self._lanes), len(recipients))):
            self._lanes.add(asyncio.create_task(self._lane()))
        try:
            await round_.finished
        finally:
            round_.leave()
            self._rounds.end(round_)
        return round_.receipts()

    async def close(self) -> None:
        if self._lanes:
            await asyncio.wait(self._lanes, timeout=GOODBYE)
        for lane in self._lanes:
            lane.cancel()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(session.close() for session in idle))

    async def _lane(self) -> None:
        """Carry mails through one session after another while there are any."""
        try:
            await self._carry_all()
        except SessionUnavailable as problem:
            self._unreachable = str(problem)
        except Exception as problem:
            self._rounds.stop(problem)
        finally:
            self._lanes.remove(_this_task())
            if not self._lanes:
                self._rounds.give_up(self._unreachable or "no session is left")

    async def _carry_all(self) -> None:
        failures = 0
        while self._rounds.waiting and failures < FAILURES:
            failures = 0 if await self._carry() else failures + 1

    async def _carry(self) -> bool:
        """Carry mails through one session; return whether any was decided on."""
        session = await self._session()
        before = session.decided
        await Pipeline(session, self._rounds).carry()
        if session.line.lost:
            self._unreachable = session.line.lost
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
        if session.line.is_quiet() and self._rounds.allow(session):
            session.idle_since = time.monotonic()
            self._idle.append(session)
        else:
            await session.close()


class _Transmissions:
    """The rounds under way, the urgent first: where the carriers' mails come from."""

    def __init__(self, mails_limit: int) -> None:
        self._mails_limit = mails_limit
        self._all: list[Transmission] = []

    @property
    def waiting(self) -> bool:
        return any(each.waiting for each in self._all)

    def allow(self, session: Session) -> bool:
        """Return whether a session may take a further mail."""
        return session.begun < self._mails_limit

    def next(self, session: Session) -> OutgoingMail | None:
        if not self.allow(session):
            return None
        for each in self._all:
            mail = each.next(session)
            if mail:
                session.begun += 1
                return mail
        return None

    def begin(self, round_: Transmission) -> None:
        self._all.append(round_)
        self._all.sort(key=lambda each: not each.urgent)

    def end(self, round_: Transmission) -> None:
        self._all.remove(round_)

    def stop(self, problem: Exception) -> None:
        """Stop every round that waits: the problem would be that of its mails, too."""
        for each in [each for each in self._all if each.waiting]:
            known = isinstance(problem, SenderProblem)
            each.stop(SenderProblem(str(problem)) if known else problem)

    def give_up(self, reason: str) -> None:
        for each in self._all:
            each.give_up(reason)


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None
    return task


def _context(settings: SmtpSettings) -> ssl.SSLContext | None:
    # Reading the system's certificates takes a while.
    return None if settings.tls is Tls.NEVER else ssl.create_default_context()
