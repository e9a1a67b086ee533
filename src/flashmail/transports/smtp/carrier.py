"""A carrier: takes one mail after another through one session.

Where the server offers PIPELINING (RFC 2920), a mail's end and the next one's
envelope travel together, so that a mail costs one round trip:

    body . MAIL RCPT DATA     ->     250 250 250 354

DATA is the last of its group, as the RFC wants it, and no body is written before its
own 354, so that a mail is marked as handed over only when it is about to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flashmail.transports.base import Outcome, SenderProblem
from flashmail.transports.replies import CLOSING, GO_AHEAD, Phase, Reply, verdict
from flashmail.transports.smtp.line import Lost
from flashmail.transports.smtp.session import Offer, Session

DOT = b".\r\n"
RESET = b"RSET\r\n"

#: Of larger mails the end is kept back until the rest is on its way.
BLOCK = 64 * 1024

ENVELOPE = (Phase.MAIL, Phase.RCPT, Phase.DATA)


@dataclass(slots=True)
class Mail:
    """One reader's mail, ready to be carried."""

    subscriber_id: int
    sender: bytes
    address: bytes
    body: bytes
    needs_smtputf8: bool = False

    def envelope(self, offer: Offer) -> tuple[bytes, bytes, bytes]:
        """Return the commands that open the mail."""
        size = b"" if offer.size is None else b" SIZE=%d" % len(self.body)
        utf8 = b" SMTPUTF8" if self.needs_smtputf8 else b""
        return (
            b"MAIL FROM:<%b>%b%b\r\n" % (self.sender, size, utf8),
            b"RCPT TO:<%b>\r\n" % self.address,
            b"DATA\r\n",
        )


class Round(Protocol):
    """Where mails come from and what becomes of them is written down."""

    @property
    def stopped(self) -> bool:
        """Whether no further mail may be handed over."""
        ...

    def next(self, session: Session) -> Mail | None:
        """Return a mail that this session can carry; None when it is done."""
        ...

    async def arm(self, mail: Mail) -> None:
        """Mark a mail durably as about to be handed over; raise Fenced."""
        ...

    def book(self, mail: Mail, outcome: Outcome, reason: str) -> None: ...

    def put_back(self, mail: Mail, reason: str) -> None:
        """Take a mail back that was surely not handed over, for another session."""
        ...

    def blame_sender(self, reason: str) -> None: ...


class Carrier:
    """One session's way through a round."""

    def __init__(self, session: Session, round_: Round) -> None:
        self._session = session
        self._line = session.line
        self._round = round_
        #: Its envelope is written, or will be next.
        self._opened: Mail | None = None
        #: Its last dot is written.
        self._ended: Mail | None = None
        #: A reply will come that says nothing of a mail: to RSET or a lone dot.
        self._owed = False

    async def carry(self) -> None:
        """Carry mails until there are no more, or the session is lost."""
        try:
            self._go_on()
            while self._opened or self._ended or self._owed:
                await self._exchange()
        except Lost as lost:
            self._give_up(str(lost))
        except BaseException:
            # Fenced or cancelled: the dot that would end an opened mail never goes.
            self._give_up("stopped")
            raise

    async def _exchange(self) -> None:
        at_once = self._session.offer.pipelining
        answers = await (self._ask_at_once() if at_once else self._ask_one_by_one())
        if self._opened:
            await self._act(self._opened, answers)

    async def _ask_at_once(self) -> Sequence[Reply]:
        """Read the answers to a group that is written already."""
        times = self._session.timeouts
        limits = [times.dot] if self._ended or self._owed else []
        if self._opened:
            limits += [times.command, times.command, times.data]
        replies = await self._line.read(limits)
        missing = len(limits) - len(replies)
        if (self._ended or self._owed) and replies:
            self._settle(replies.pop(0))
        if missing:
            self._judge_early(replies)
            raise Lost(self._line.lost)
        return replies

    async def _ask_one_by_one(self) -> Sequence[Reply]:
        times = self._session.timeouts
        if self._ended or self._owed:
            self._settle(await self._line.read_one(times.dot))
        answers: list[Reply] = []
        if self._opened:
            for command in self._opened.envelope(self._session.offer):
                self._line.write(command)
                answers.append(await self._line.read_one(times.command))
                if answers[-1].code >= 400:
                    break
        return answers

    async def _act(self, mail: Mail, answers: Sequence[Reply]) -> None:
        """Write the opened mail, or say why not; open the next."""
        refusal = _refusal(answers)
        if refusal is None:
            if self._round.stopped:
                raise Lost("stopped before the mail was written")
            await self._round.arm(mail)
            await self._write(mail)
            return
        self._judge(mail, *refusal)
        self._owed = True
        # RFC 2920, section 3.1: some servers want a mail even without a reader.
        self._go_on(DOT if answers[-1].code == GO_AHEAD else RESET)

    async def _write(self, mail: Mail) -> None:
        written: tuple[bytes, ...] = (mail.body, DOT)
        if len(mail.body) > BLOCK:
            self._line.write(mail.body)
            await self._line.drain(self._session.timeouts.block)
            written = (DOT,)
        self._opened, self._ended = None, mail
        self._go_on(*written)

    def _go_on(self, *written: bytes) -> None:
        """Write what ends a mail, together with what opens the next if that may be."""
        self._opened = self._round.next(self._session)
        if self._opened and self._session.offer.pipelining:
            written += self._opened.envelope(self._session.offer)
        if written:
            self._line.write(*written)

    def _settle(self, reply: Reply) -> None:
        """Book the mail that a reply to a last dot decides on."""
        _check_in_step(reply)
        mail, self._ended, self._owed = self._ended, None, False
        if mail:
            self._session.decided += 1
            self._book(mail, Phase.DOT, reply)
        if reply.code == CLOSING:
            raise Lost(reply.reason)

    def _judge(self, mail: Mail, phase: Phase, reply: Reply) -> None:
        """Book a mail that was refused before it was written."""
        _check_in_step(reply, phase)
        if reply.code == CLOSING:
            raise Lost(reply.reason)
        self._opened = None
        self._session.decided += 1
        self._book(mail, phase, reply)

    def _judge_early(self, answers: Sequence[Reply]) -> None:
        """Judge by the answers that came before the line was lost, if they suffice."""
        refusal = _refusal(answers)
        if self._opened and refusal:
            self._judge(self._opened, *refusal)

    def _book(self, mail: Mail, phase: Phase, reply: Reply) -> None:
        outcome = verdict(phase, reply)
        if outcome is None:
            self._round.blame_sender(reply.reason)
        else:
            reason = "" if outcome is Outcome.ACCEPTED else reply.reason
            self._round.book(mail, outcome, reason)

    def _give_up(self, reason: str) -> None:
        """Cut the line; say of each mail in hand what is sure of it."""
        self._line.abort(reason)
        if self._ended:
            self._round.book(self._ended, Outcome.UNKNOWN, reason)
        if self._opened:
            self._round.put_back(self._opened, reason)
        self._opened = self._ended = None


def too_large(mail: Mail, offer: Offer) -> SenderProblem | None:
    """Return the problem of a mail that has more octets than the server takes."""
    if not offer.size or len(mail.body) <= offer.size:
        return None
    said = (
        f"the mail has {len(mail.body)} bytes, and the SMTP server takes {offer.size}"
    )
    return SenderProblem(said)


def _check_in_step(reply: Reply, phase: Phase = Phase.DOT) -> None:
    """Raise Lost when a reply cannot belong to what was asked."""
    if 300 <= reply.code < 400 or (phase is Phase.DATA and reply.positive):
        raise Lost(f"the server is out of step: {reply.reason}")


def _refusal(answers: Sequence[Reply]) -> tuple[Phase, Reply] | None:
    """Return the first answer that keeps a mail from being written."""
    for phase, reply in zip(ENVELOPE, answers, strict=False):
        wanted = reply.code == GO_AHEAD if phase is Phase.DATA else reply.positive
        if not wanted:
            return phase, reply
    return None
