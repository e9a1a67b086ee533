"""An SMTP server that speaks faults: it records what it takes, and how it was asked."""

import asyncio
import re
import socket
import ssl
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self

from peers.threads import LoopThread


class Ending(Enum):
    """Instead of a reply."""

    DROP = auto()
    HANG = auto()


@dataclass
class Fault:
    """What goes wrong, and where.

    `at` is a phase: banner, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, body (in its
    middle), dot, RSET. `answer` is the reply, in bytes where it is none. A fault
    hits `times` times, and only mails to `address` when there is one. With `takes`, a
    mail is accepted all the same.
    """

    at: str
    answer: str | bytes | Ending
    times: int = 10**6
    address: str = ""
    takes: bool = False
    delay: float = 0.0
    #: The server goes away after its answer.
    closes: bool = False


@dataclass(frozen=True)
class Taken:
    """A mail the peer accepted, byte by byte as it came, but for the last dot."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    mail_command: str
    session: int
    encrypted: bool


@dataclass
class Talk:
    """One session, as the peer saw it."""

    number: int
    commands: list[str] = field(default_factory=list)
    encrypted: bool = False
    sender: str | None = None
    mail_command: str = ""
    recipients: list[str] = field(default_factory=list)
    #: How many mails' ends came together with the next commands.
    pipelined: int = 0


class SmtpPeer:
    """`with SmtpPeer() as peer: peer.port, peer.messages, peer.violations`.

    `login` is (user, password). `tls` is "starttls" or "implicit", with a context.
    """

    def __init__(
        self,
        *faults: Fault,
        pipelining: bool = True,
        smtputf8: bool = True,
        size: int | None = None,
        login: tuple[str, str] | None = None,
        mechanisms: Iterable[str] = ("PLAIN", "LOGIN"),
        tls: str = "",
        context: ssl.SSLContext | None = None,
        goes_ahead: bool = False,
        narrow: bool = False,
    ) -> None:
        self.faults = list(faults)
        self.messages: list[Taken] = []
        self.talks: list[Talk] = []
        self._writers: list[asyncio.StreamWriter] = []
        #: What a client did that the RFCs forbid.
        self.violations: list[str] = []
        self.login = login
        self.context = context
        self.tls = tls
        self.pipelining = pipelining
        #: Answer DATA with 354 even if every reader was refused (RFC 2920, 3.1).
        self.goes_ahead = goes_ahead
        #: Take little at once, so that a client has to wait with the rest.
        self.narrow = narrow
        self._offers = [
            *(["PIPELINING"] if pipelining else []),
            *(["SMTPUTF8"] if smtputf8 else []),
            *([f"SIZE {size}"] if size is not None else []),
            *([f"AUTH {' '.join(mechanisms)}"] if login else []),
        ]

    def __enter__(self) -> Self:
        self._thread = LoopThread()
        context = self.context if self.tls == "implicit" else None
        self._server = self._thread.call(
            asyncio.start_server(self._serve, sock=self._socket(), ssl=context)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.loop.call_soon_threadsafe(self._server.close)
        self._thread.stop()

    def hang_up(self) -> None:
        """Close every open session without a word."""
        self._thread.call(self._close_all())

    @property
    def addresses(self) -> list[str]:
        """Whom a mail was accepted for, in order, repeated if it came twice."""
        return [address for taken in self.messages for address in taken.recipients]

    def offers(self, *, encrypted: bool) -> list[str]:
        starttls = self.tls == "starttls" and not encrypted
        return [*self._offers, *(["STARTTLS"] if starttls else [])]

    def fault(self, at: str, addresses: Iterable[str] = ()) -> Fault | None:
        """Return what goes wrong now, and count it."""
        for each in self.faults:
            meant = not each.address or each.address in addresses
            if each.at == at and each.times and meant:
                each.times -= 1
                return each
        return None

    def _socket(self) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.narrow:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        return listening

    async def _close_all(self) -> None:
        for writer in self._writers:
            writer.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        talk = Talk(len(self.talks), encrypted=self.tls == "implicit")
        self.talks.append(talk)
        self._writers.append(writer)
        try:
            await _Speaker(self, talk, reader, writer).speak()
        except (_Gone, ConnectionError, ssl.SSLError, asyncio.CancelledError):
            return
        finally:
            writer.close()


class _Gone(Exception):
    """This session is over."""


class _Speaker:
    """The peer's side of one session."""

    def __init__(
        self,
        peer: SmtpPeer,
        talk: Talk,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.peer, self.talk = peer, talk
        self.reader, self.writer = reader, writer
        self.waiting = b""

    async def speak(self) -> None:
        await self.reply("banner", "220 peer.example ESMTP")
        while True:
            command = (await self.until(b"\r\n")).decode()
            self.talk.commands.append(command)
            if len(command) + 2 > 512:
                self.peer.violations.append(f"a command of {len(command)} octets")
            verb = command.split(" ")[0].upper()
            if self.waiting and not (
                self.peer.pipelining and verb in ("MAIL", "RCPT", "RSET")
            ):
                self.peer.violations.append(f"pipelined behind {verb}")
            await self.obey(verb, command)

    async def obey(self, verb: str, command: str) -> None:
        obedience = {
            "EHLO": self.hello,
            "STARTTLS": self.encrypt,
            "AUTH": self.check_login,
            "MAIL": self.mail,
            "RCPT": self.rcpt,
            "DATA": self.data,
            "RSET": self.reset,
            "QUIT": self.leave,
        }
        if verb in obedience:
            await obedience[verb](command)
        else:
            await self.reply(verb, "250 Ok" if verb == "HELO" else "500 5.5.2 Unknown")

    async def hello(self, _: str) -> None:
        offers = self.peer.offers(encrypted=self.talk.encrypted)
        lines = [f"250-{line}\r\n" for line in ("peer.example", *offers)]
        await self.reply("EHLO", "".join(lines) + "250 HELP")

    async def reset(self, _: str) -> None:
        self.talk.sender, self.talk.recipients = None, []
        await self.reply("RSET", "250 2.0.0 Ok")

    async def leave(self, _: str) -> None:
        await self.reply("QUIT", "221 2.0.0 Bye")
        raise _Gone

    async def encrypt(self, _: str) -> None:
        await self.reply("STARTTLS", "220 2.0.0 Go on")
        assert self.peer.context is not None
        await self.writer.start_tls(self.peer.context)
        self.talk.encrypted = True

    async def check_login(self, command: str) -> None:
        if not self.talk.encrypted:
            self.peer.violations.append("a login in clear")
        _, mechanism, *initial = command.split(" ")
        if mechanism == "PLAIN":
            _, user, password = b64decode(initial[0]).decode().split("\0")
        else:
            user, password = [await self.ask(word) for word in ("User", "Password")]
        if (user, password) == self.peer.login:
            await self.reply("AUTH", "235 2.7.0 Welcome")
        else:
            await self.reply("AUTH", f"535 5.7.8 Not with {password}")

    async def ask(self, word: str) -> str:
        self.writer.write(f"334 {word}\r\n".encode())
        return b64decode(await self.until(b"\r\n")).decode()

    async def mail(self, command: str) -> None:
        found = re.fullmatch(r"MAIL FROM:<([^>]*)>(.*)", command)
        if found is None:
            await self.reply("MAIL", "501 5.5.4 Syntax")
        elif self.talk.sender is not None:
            await self.reply("MAIL", "503 5.5.1 Nested MAIL")
        elif await self.reply("MAIL", "250 2.1.0 Ok"):
            self.talk.sender, self.talk.mail_command = found[1], command

    async def rcpt(self, command: str) -> None:
        address = command.removeprefix("RCPT TO:<").removesuffix(">")
        if self.talk.sender is None:
            await self.reply("RCPT", "503 5.5.1 MAIL first")
        elif await self.reply("RCPT", "250 2.1.5 Ok", [address]):
            self.talk.recipients.append(address)

    async def data(self, _: str) -> None:
        readers = self.talk.recipients
        if not readers and not self.peer.goes_ahead:
            await self.reply("DATA", "554 5.5.1 No valid recipients")
            return
        if not await self.reply("DATA", "354 Go ahead", readers):
            return
        if self.peer.fault("body", readers):
            await self.more()
            raise _Gone
        raw = await self.until(b"\r\n.\r\n", line_start=True)
        if self.waiting:
            self.talk.pipelined += 1
            if not self.peer.pipelining:
                self.peer.violations.append("pipelined behind a mail")
        await self.end(raw)

    async def end(self, raw: bytes) -> None:
        talk = self.talk
        taken = Taken(
            talk.sender or "",
            tuple(talk.recipients),
            raw,
            talk.mail_command,
            talk.number,
            talk.encrypted,
        )
        talk.sender, talk.recipients = None, []
        if not taken.recipients:
            await self.reply("lone dot", "554 5.5.1 No valid recipients")
            return
        fault = self.peer.fault("dot", taken.recipients)
        if fault is None or fault.takes:
            self.peer.messages.append(taken)
        await self.finish(fault, "250 2.0.0 Queued")

    async def reply(self, at: str, good: str, about: Iterable[str] = ()) -> bool:
        """Reply as well as the faults allow; return whether it was the good reply."""
        fault = self.peer.fault(at, about)
        await self.finish(fault, good)
        answer = good if fault is None else fault.answer
        return isinstance(answer, str) and answer[0] in "23"

    async def finish(self, fault: Fault | None, good: str) -> None:
        answer = good if fault is None else fault.answer
        if fault and fault.delay:
            await asyncio.sleep(fault.delay)
        if answer is Ending.HANG:
            await asyncio.sleep(3600)
        if isinstance(answer, Ending):
            raise _Gone
        said = answer if isinstance(answer, bytes) else answer.encode() + b"\r\n"
        self.writer.write(said)
        await self.writer.drain()
        if fault and fault.closes:
            raise _Gone

    async def until(self, end: bytes, *, line_start: bool = False) -> bytes:
        """Return what comes before `end`; a lone dot may end what has not begun."""
        if line_start and self.waiting == b"":
            await self.more()
        if line_start and self.waiting.startswith(b".\r\n"):
            self.waiting = self.waiting[3:]
            return b""
        while end not in self.waiting:
            await self.more()
        before, _, self.waiting = self.waiting.partition(end)
        return before + (b"\r\n" if line_start else b"")

    async def more(self) -> None:
        came = await self.reader.read(65536)
        if not came:
            raise _Gone
        self.waiting += came
