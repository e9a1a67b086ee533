"""A session with a server: greeted, encrypted, logged in, ready for mail."""

import asyncio
import re
import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass
from typing import Self

from flashmail.transports.base import SenderProblem
from flashmail.transports.smtp.connection import Connection, ConnectionLost
from flashmail.transports.smtp.replies import LOGIN_CODES, Reply
from flashmail.transports.smtp.settings import SmtpSettings, Timeouts, Tls

#: Replies by which an old server says that it knows only HELO.
NO_EHLO = frozenset({500, 501, 502, 504})

HOST_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+").fullmatch

#: How long a line may take to close, in seconds: nothing hangs on it.
GOODBYE = 2.0


class SessionUnavailable(Exception):
    """There is no session now; there may be one later."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server says it can do (RFC 5321, section 4.1.1.1)."""

    pipelining: bool = False
    smtputf8: bool = False
    starttls: bool = False
    #: Octets of a mail it takes at most (RFC 1870); 0 is no limit, None is not said.
    size: int | None = None
    mechanisms: frozenset[str] = frozenset()

    @classmethod
    def read(cls, reply: Reply) -> "Capabilities":
        words = [line.upper().split() for line in reply.text.split("\n")[1:]]
        said = {line[0]: line[1:] for line in words if line}
        size = said.get("SIZE")
        return cls(
            pipelining="PIPELINING" in said,
            smtputf8="SMTPUTF8" in said,
            starttls="STARTTLS" in said,
            size=None if size is None else _number(size),
            mechanisms=frozenset(said.get("AUTH", ())),
        )


@dataclass
class Session:
    """An open session, and how many mails were begun in it and decided on."""

    line: Connection
    timeouts: Timeouts
    offer: Capabilities = Capabilities()
    begun: int = 0
    decided: int = 0
    idle_since: float = 0.0

    @classmethod
    async def open(
        cls,
        settings: SmtpSettings,
        timeouts: Timeouts,
        context: ssl.SSLContext | None,
        hostname: str,
    ) -> Self:
        """Connect and log in.

        Raises Unreachable, or SenderProblem where trying again would change nothing.
        """
        session = cls(await _connect(settings, timeouts, context), timeouts)
        try:
            await session._introduce(settings, context, hostname)
        except ConnectionLost as lost:
            raise SessionUnavailable(str(lost)) from None
        except BaseException:
            session.line.abort()
            raise
        return session

    async def close(self) -> None:
        """Take leave; the server need not answer."""
        self.line.write(b"QUIT\r\n")
        if not self.line.lost:
            self.line.transport.close()
        try:
            async with asyncio.timeout(GOODBYE):
                await asyncio.shield(self.line.closed)
        except TimeoutError:
            self.line.abort()

    async def _introduce(
        self, settings: SmtpSettings, context: ssl.SSLContext | None, hostname: str
    ) -> None:
        _expect(await self.line.read_one(self.timeouts.greeting), "greeted us with")
        self.offer = await self._hello(hostname)
        if settings.tls is Tls.STARTTLS:
            await self._encrypt(settings, context)
            # What was offered in clear may have been another's words (RFC 3207, 4.2).
            self.offer = await self._hello(hostname)
        if settings.user:
            await self._log_in(settings)

    async def _hello(self, hostname: str) -> Capabilities:
        name = hostname or _hostname(self.line)
        reply = await self._ask(f"EHLO {name}")
        if reply.code in NO_EHLO:
            _expect(await self._ask(f"HELO {name}"), "answered HELO with")
            return Capabilities()
        _expect(reply, "answered EHLO with")
        return Capabilities.read(reply)

    async def _encrypt(
        self, settings: SmtpSettings, context: ssl.SSLContext | None
    ) -> None:
        assert context is not None
        if not self.offer.starttls:
            raise SenderProblem("the SMTP server offers no STARTTLS, which is required")
        _expect(await self._ask("STARTTLS"), "answered STARTTLS with")
        try:
            await self.line.start_tls(context, settings.host, self.timeouts.connect)
        except (OSError, TimeoutError) as problem:
            raise _no_connection(problem) from None

    async def _log_in(self, settings: SmtpSettings) -> None:
        user, password = settings.user.encode(), settings.password.encode()
        if "PLAIN" in self.offer.mechanisms:
            secrets = _base64(b"\0".join((b"", user, password)))
            reply = await self._ask(f"AUTH PLAIN {secrets}")
        elif "LOGIN" in self.offer.mechanisms:
            reply = await self._ask("AUTH LOGIN")
            for secret in (user, password):
                if reply.code == 334:
                    reply = await self._ask(_base64(secret))
        else:
            raise SenderProblem("the SMTP server offers neither AUTH PLAIN nor LOGIN")
        if reply.code in LOGIN_CODES or reply.code >= 500:
            # The codes alone: a server may repeat what it was told.
            codes = f"{reply.code} {reply.enhanced}".strip()
            raise SenderProblem(f"the SMTP server refuses the login: {codes}")
        if not reply.positive:
            raise SessionUnavailable(
                f"the SMTP server cannot check the login: {reply.code}"
            )

    async def _ask(self, command: str) -> Reply:
        self.line.write(command.encode() + b"\r\n")
        return await self.line.read_one(self.timeouts.command)


async def _connect(
    settings: SmtpSettings, timeouts: Timeouts, context: ssl.SSLContext | None
) -> Connection:
    encrypted = settings.tls is Tls.IMPLICIT
    try:
        async with asyncio.timeout(timeouts.connect):
            _, line = await asyncio.get_running_loop().create_connection(
                Connection,
                settings.host,
                settings.port,
                ssl=context if encrypted else None,
                server_hostname=settings.host if encrypted else None,
            )
    except (OSError, TimeoutError) as problem:
        raise _no_connection(problem) from None
    return line


def _no_connection(problem: Exception) -> Exception:
    if isinstance(problem, ssl.SSLCertVerificationError):
        said = f"the SMTP server's certificate is wrong: {problem.verify_message}"
        return SenderProblem(said)
    said = str(problem) or type(problem).__name__
    return SessionUnavailable(f"the SMTP server cannot be reached: {said}")


def _expect(reply: Reply, said: str) -> None:
    if reply.code >= 500:
        raise SenderProblem(f"the SMTP server {said} {reply.reason}")
    if not reply.positive:
        raise SessionUnavailable(f"the SMTP server {said} {reply.reason}")


def _hostname(line: Connection) -> str:
    """Return this machine's name, or its address as a literal where it has none."""
    name = socket.gethostname()
    if HOST_NAME(name):
        return name
    address = str(line.transport.get_extra_info("sockname")[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode()


def _number(words: list[str]) -> int:
    return int(words[0]) if words and words[0].isdecimal() else 0
