"""The fault-speaking peer's side of one SMTP session."""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from collections.abc import Iterable
from typing import TYPE_CHECKING

from peers.smtp_words import Ending, Fault, Taken, Talk

if TYPE_CHECKING:
    from peers.smtp import SmtpPeer


class Gone(Exception):
    """This session is over."""


class Speaker:
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
        self.waiting = bytearray()

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
        raise Gone

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
            raise Gone
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
            raise Gone
        said = answer if isinstance(answer, bytes) else answer.encode() + b"\r\n"
        self.writer.write(said)
        await self.writer.drain()
        if fault and fault.closes:
            raise Gone

    async def until(self, end: bytes, *, line_start: bool = False) -> bytes:
        """Return what comes before `end`; a lone dot may end what has not begun."""
        if line_start and not self.waiting:
            await self.more()
        if line_start and self.waiting.startswith(b".\r\n"):
            del self.waiting[:3]
            return b""
        searched = 0
        while (at := self.waiting.find(end, searched)) < 0:
            searched = max(0, len(self.waiting) - len(end))
            await self.more()
        before = bytes(self.waiting[:at])
        del self.waiting[: at + len(end)]
        return before + (b"\r\n" if line_start else b"")

    async def more(self) -> None:
        came = await self.reader.read(65536)
        if not came:
            raise Gone
        self.waiting += came
