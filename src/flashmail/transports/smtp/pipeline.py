"""A carrier: takes one mail after another through one session.

Where the server offers PIPELINING (RFC 2920), a mail's end and the next one's
envelope travel together, so that a mail costs one round trip:

    body . MAIL RCPT DATA     ->     250 250 250 354

DATA is the last of its group, as the RFC wants it, and no body is written before its
own 354, so that a mail is marked as handed over only when it is about to be.

A carrier is called back and never waits: with thousands of mails a second, a task or a
future for each of them would cost more than sending it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from flashmail.transports.base import Outcome
from flashmail.transports.smtp.connection import ConnectionLost
from flashmail.transports.smtp.replies import CLOSING, GO_AHEAD, Phase, Reply, verdict
from flashmail.transports.smtp.session import Session
from flashmail.transports.smtp.transmission import OutgoingMail

DOT = b".\r\n"

RESET = b"RSET\r\n"

#: Of larger mails the end is kept back until the rest is on its way.
BLOCK = 64 * 1024

ENVELOPE = (Phase.MAIL, Phase.RCPT, Phase.DATA)


class MailQueue(Protocol):
    """Where mails come from."""

    def next(self, session: Session) -> OutgoingMail | None:
        """Return a mail that this session can carry; None when it is done."""
        ...


class Pipeline:
    """One session's way through the mails of a source."""

    def __init__(self, session: Session, source: MailQueue) -> None:
        self._session = session
        self._line = session.line
        self._source = source
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: Its envelope is written, or will be next.
        self._opened: OutgoingMail | None = None
        #: Its last dot is written.
        self._ended: OutgoingMail | None = None
        #: A reply will come that says nothing of a mail: to RSET or a lone dot.
        self._owed = False
        #: To the commands of the opened mail, where they are written one by one.
        self._answers: list[Reply] = []
        times = session.timeouts
        self._opening = (times.command, times.command, times.data)
        self._ending = (times.dot,)
        self._both = self._ending + self._opening

    async def carry(self) -> None:
        """Carry mails until there are no more, or the session is lost."""
        self._safely(self._go_on)
        try:
            await self._done
        except BaseException:
            # Cancelled: the dot that would end an opened mail never goes.
            self._give_up("stopped")
            raise

    def hand_over(self) -> None:
        """Write the opened mail, which is marked, unless its round has stopped."""
        self._safely(self._write)

    def _safely(self, step: Callable[[], None]) -> None:
        try:
            step()
        except ConnectionLost as lost:
            self._give_up(str(lost))
        except Exception as problem:
            self._give_up("stopped")
            if not self._done.done():
                self._done.set_exception(problem)

    def _heard(self) -> None:
        at_once = self._session.offer.pipelining
        self._safely(self._hear_group if at_once else self._hear_one)

    def _hear_group(self) -> None:
        """Take the answers to a group that is written already."""
        ends = self._ended is not None or self._owed
        wanted = ends + len(ENVELOPE) * (self._opened is not None)
        replies = self._line.take(wanted)
        missing = len(replies) < wanted
        if ends and replies:
            self._settle(replies.pop(0))
        if missing:
            self._judge_early(replies)
            raise ConnectionLost(self._line.lost)
        self._act(replies)

    def _hear_one(self) -> None:
        """Take one answer, and write the command that comes next."""
        replies = self._line.take(1)
        if not replies:
            raise ConnectionLost(self._line.lost)
        if self._ended or self._owed:
            self._settle(replies[0])
        else:
            self._answers += replies
        if self._opened is None:
            self._finish()
        elif _is_complete(self._answers):
            answers, self._answers = self._answers, []
            self._act(answers)
        else:
            self._write_command(self._opened)

    def _write_command(self, mail: OutgoingMail) -> None:
        self._line.write(mail.commands(self._session.offer)[len(self._answers)])
        self._line.listen(self._opening[:1], self._heard)

    def _act(self, answers: Sequence[Reply]) -> None:
        """Have the opened mail marked, or say why not and open the next."""
        mail = self._opened
        if mail is None:
            self._finish()
            return
        refusal = _refusal(answers)
        if refusal is None:
            mail.round.ready(self, mail)
            return
        self._judge(mail, *refusal)
        self._owed = True
        # RFC 2920, section 3.1: some servers want a mail even without a reader.
        self._go_on(DOT if answers[-1].code == GO_AHEAD else RESET)

    def _write(self) -> None:
        mail = self._opened
        if mail is None:
            return
        if mail.round.stopped or self._line.lost:
            raise ConnectionLost(
                self._line.lost or "stopped before the mail was written"
            )
        if len(mail.body) <= BLOCK:
            self._end(mail.body)
            return
        self._line.write(mail.body)
        self._line.when_drained(
            self._session.timeouts.block, lambda: self._safely(self._end)
        )

    def _end(self, body: bytes = b"") -> None:
        if self._line.lost:
            raise ConnectionLost(self._line.lost)
        self._opened, self._ended = None, self._opened
        self._go_on(body, DOT)

    def _go_on(self, *written: bytes) -> None:
        """Write what ends a mail, together with what opens the next if that may be."""
        self._opened = mail = self._source.next(self._session)
        offer = self._session.offer
        if mail and offer.pipelining:
            written += (mail.envelope(offer),)
        if written:
            self._line.write(*written)
        if self._ended or self._owed:
            wait = self._both if mail and offer.pipelining else self._ending
            self._line.listen(wait, self._heard)
        elif mail is None:
            self._finish()
        elif offer.pipelining:
            self._line.listen(self._opening, self._heard)
        else:
            self._write_command(mail)

    def _settle(self, reply: Reply) -> None:
        """Book the mail that a reply to a last dot decides on."""
        _check_in_step(reply)
        mail, self._ended, self._owed = self._ended, None, False
        if mail:
            self._session.decided += 1
            self._book(mail, Phase.DOT, reply)
        if reply.code == CLOSING:
            raise ConnectionLost(reply.reason)

    def _judge(self, mail: OutgoingMail, phase: Phase, reply: Reply) -> None:
        """Book a mail that was refused before it was written."""
        _check_in_step(reply, phase)
        if reply.code == CLOSING:
            raise ConnectionLost(reply.reason)
        self._opened = None
        self._session.decided += 1
        self._book(mail, phase, reply)

    def _judge_early(self, answers: Sequence[Reply]) -> None:
        """Judge by the answers that came before the line was lost, if they suffice."""
        refusal = _refusal(answers)
        if self._opened and refusal:
            self._judge(self._opened, *refusal)

    def _book(self, mail: OutgoingMail, phase: Phase, reply: Reply) -> None:
        outcome = verdict(phase, reply)
        if outcome is Outcome.ACCEPTED:
            mail.round.accept(mail)
        elif outcome is None:
            mail.round.blame_sender(mail, reply.reason)
        else:
            mail.round.book(mail, outcome, reply.reason)

    def _give_up(self, reason: str) -> None:
        """Cut the line; say of each mail in hand what is sure of it."""
        self._line.abort(reason)
        opened, ended = self._opened, self._ended
        self._opened = self._ended = None
        if ended:
            ended.round.book(ended, Outcome.UNKNOWN, reason)
        if opened:
            opened.round.put_back(opened, reason)
        self._finish()

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)


def _is_complete(answers: Sequence[Reply]) -> bool:
    """Return whether the next command would be in vain, or there is none."""
    return len(answers) == len(ENVELOPE) or bool(answers and answers[-1].code >= 400)


def _check_in_step(reply: Reply, phase: Phase = Phase.DOT) -> None:
    """Raise Lost when a reply cannot belong to what was asked."""
    if 300 <= reply.code < 400 or (phase is Phase.DATA and reply.positive):
        raise ConnectionLost(f"the server is out of step: {reply.reason}")


def _refusal(answers: Sequence[Reply]) -> tuple[Phase, Reply] | None:
    """Return the first answer that keeps a mail from being written."""
    if len(answers) == len(ENVELOPE) and answers[2].code == GO_AHEAD:
        first, second, _ = answers
        if first.positive and second.positive:
            return None
    for phase, reply in zip(ENVELOPE, answers, strict=False):
        wanted = reply.code == GO_AHEAD if phase is Phase.DATA else reply.positive
        if not wanted:
            return phase, reply
    return None
