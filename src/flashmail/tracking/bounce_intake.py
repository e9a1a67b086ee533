"""A door for mail that comes back: LMTP (RFC 2033), as mail servers speak it.

It takes everything that is handed in, keeps nothing but what follows from it, and says
yes only after that is kept. The recipient of a mail is written above it, where bounces
bear our token.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from flashmail.bounces.verdict import BounceKind, ParsedBounce
from flashmail.links import BadToken, Purpose, Tokens
from flashmail.model import EventKind, Subscriber
from flashmail.tracking.events import NewEvent

#: A notice says that a mail will not arrive, so a soft one is not merely put off.
EVENTS = {
    BounceKind.HARD: EventKind.BOUNCED,
    BounceKind.SOFT: EventKind.BLOCKED,
    BounceKind.COMPLAINT: EventKind.COMPLAINED,
}

#: What a mail may lie about its own age.
OLDEST = timedelta(days=30)

#: RFC 6590: a feedback report may hide the complainant; the domain stays.
HIDDEN = ("redact", "xxx", "***", "undisclosed", "hidden")

HASH_LENGTH = 20


def match_bounce(
    session: Session,
    tokens: Tokens,
    verdict: ParsedBounce,
    raw: bytes,
    *,
    now: datetime,
) -> NewEvent | None:
    """Return the event to record, or None where nothing may follow from the mail.

    Its key is the mail's own hash: read twice, it is one event.
    """
    kind = EVENTS.get(verdict.kind)
    if verdict.arrived or verdict.kind is BounceKind.AUTO_REPLY:
        # It got there. That settles what nobody knew, and says nothing else.
        kind = EventKind.ACCEPTED
    delivery = delivery_of(tokens, verdict.token)
    if kind is None or delivery is None:
        return None
    subscriber = session.get(Subscriber, delivery[1])
    if subscriber is None or not _names(verdict, subscriber.key):
        return None
    at = verdict.at or now
    return NewEvent(
        key=f"mail:{hashlib.sha256(raw).hexdigest()}",
        campaign_id=delivery[0],
        subscriber_id=delivery[1],
        kind=kind,
        at=at if now - OLDEST <= at <= now else now,
        recorded_at=now,
        detail=_detail(verdict),
    )


def delivery_of(tokens: Tokens, token: str) -> tuple[int, int] | None:
    """Return (campaign id, subscriber id) if the token is one of ours."""
    for purpose in (Purpose.BOUNCE, Purpose.WATCH):
        try:
            return tokens.read(purpose, token)
        except BadToken:
            continue
    return None


def _names(verdict: ParsedBounce, key: str) -> bool:
    """Whether a mail is about this reader; one that names nobody is by its token."""
    address = verdict.address.lower()
    if verdict.kind is BounceKind.AUTO_REPLY:
        return verdict.sender.lower() == key
    if not address or address == key:
        return True
    return verdict.kind is BounceKind.COMPLAINT and _hides(address, key)


def _hides(address: str, key: str) -> bool:
    local, _, domain = address.partition("@")
    hash_like = len(local) >= HASH_LENGTH and any(map(str.isdigit, local))
    hidden = any(word in local for word in HIDDEN) or hash_like
    return hidden and domain == key.partition("@")[2]


def _detail(verdict: ParsedBounce) -> str:
    if verdict.status and verdict.status not in verdict.reason:
        return f"{verdict.status} {verdict.reason}"
    return verdict.reason


logger = logging.getLogger(__name__)

#: Octets of one command line (RFC 5321, 4.5.3.1.4), of one mail, and its recipients.
LONGEST_LINE, LARGEST, MOST_RECIPIENTS = 2048, 5 * 1024 * 1024, 100

#: Seconds that a client may be silent (RFC 5321, 4.5.3.2.7), and connections at once.
SILENCE, CONNECTIONS = 300.0, 50

#: What is done with a mail; raises where it cannot be kept, and is called again later.
Keep = Callable[[bytes], Awaitable[None]]

OFFERED = ("PIPELINING", "8BITMIME", "SMTPUTF8", f"SIZE {LARGEST}")


class _Bye(Exception):
    """The conversation is over."""


@dataclass
class LmtpSession:
    """What one client said so far."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    keep: Keep
    greeted: bool = False
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Talk until the client has said all, or stays silent for too long."""
        self._say("220 flashmail LMTP")
        try:
            while True:
                await self.writer.drain()
                await self._answer(await self._line())
        except (_Bye, TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writer.close()

    async def _line(self) -> bytes:
        async with asyncio.timeout(SILENCE):
            try:
                line = await self.reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                self._say("500 5.5.2 the line is too long")
                raise _Bye from None
        return line.rstrip(b"\r\n")

    async def _answer(self, line: bytes) -> None:
        if len(line) > LONGEST_LINE:
            self._say("500 5.5.2 the line is too long")
            return
        verb, _, rest = line.decode("utf-8", "replace").partition(" ")
        verb = verb.upper()
        if verb == "DATA":
            await self._data()
        elif verb == "QUIT":
            self._say("221 2.0.0 goodbye")
            await self.writer.drain()
            raise _Bye
        elif verb in DOINGS:
            DOINGS[verb](self, rest)
        else:
            self._say("500 5.5.1 unknown command; this is LMTP")

    def greet(self, _: str) -> None:
        self.greeted = True
        self._forget()
        for offered in OFFERED:
            self._say(f"250-{offered}")
        self._say("250 ENHANCEDSTATUSCODES")

    def mail(self, rest: str) -> None:
        address = _address(rest, "FROM:")
        if not self.greeted or self.sender is not None or address is None:
            self._say("503 5.5.1 say LHLO, then MAIL FROM:<address>")
            return
        self.sender = address
        self._say("250 2.1.0 go on")

    def rcpt(self, rest: str) -> None:
        address = _address(rest, "TO:")
        if self.sender is None or not address:
            self._say("503 5.5.1 say MAIL FROM, then RCPT TO:<address>")
        elif len(self.recipients) >= MOST_RECIPIENTS:
            self._say("452 4.5.3 too many recipients")
        else:
            self.recipients.append(address)
            self._say("250 2.1.5 go on")

    async def _data(self) -> None:
        if not self.recipients:
            self._say("503 5.5.1 whom is it for?")
            return
        self._say("354 end with a dot")
        await self.writer.drain()
        mail = await self._body()
        # One answer for each recipient, in their order (RFC 2033, 4.2).
        for address in self.recipients:
            self._say(await self._kept(address, mail))
        self._forget()

    async def _body(self) -> bytes | None:
        """Return the mail without its dots; None if it is too large to be kept."""
        lines, size = [], 0
        while (line := await self._line()) != b".":
            line = line.removeprefix(b".")
            size += len(line) + 2
            if size <= LARGEST:
                lines.append(line)
        return b"\r\n".join(lines) + b"\r\n" if size <= LARGEST else None

    async def _kept(self, address: str, mail: bytes | None) -> str:
        if mail is None:
            return "552 5.3.4 the mail is too large"
        try:
            await self.keep(f"Delivered-To: {address}\r\n".encode() + mail)
        except Exception:
            # The mail server keeps it, and comes again.
            logger.exception("a mail that came back cannot be kept")
            return "451 4.3.0 it cannot be kept now"
        return "250 2.0.0 kept"

    def reset(self, _: str) -> None:
        self._forget()
        self._say("250 2.0.0 forgotten")

    def stay(self, _: str) -> None:
        self._say("250 2.0.0 still here")

    def _forget(self) -> None:
        self.sender = None
        self.recipients = []

    def _say(self, text: str) -> None:
        self.writer.write(f"{text}\r\n".encode())


DOINGS = {
    "LHLO": LmtpSession.greet,
    "MAIL": LmtpSession.mail,
    "RCPT": LmtpSession.rcpt,
    "RSET": LmtpSession.reset,
    "NOOP": LmtpSession.stay,
}


async def listen(
    keep: Keep, *, host: str = "", port: int = 0, path: str = ""
) -> asyncio.Server:
    """Open the door: at a path (a Unix socket), or at a host and port."""
    talking = asyncio.Semaphore(CONNECTIONS)

    async def welcome(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with talking:
            await LmtpSession(reader, writer, keep).run()

    if path:
        return await asyncio.start_unix_server(welcome, path, limit=1 << 20)
    return await asyncio.start_server(welcome, host, port, limit=1 << 20)


def _address(rest: str, word: str) -> str | None:
    """Return the address behind FROM: or TO:, which may be empty; None if there is
    none."""
    if not rest.upper().startswith(word):
        return None
    address, bracket, _ = rest[len(word) :].strip().removeprefix("<").partition(">")
    return address if bracket and address.isprintable() else None
