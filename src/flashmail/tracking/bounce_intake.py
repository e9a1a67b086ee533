"""Bounces that mail servers hand in by LMTP (RFC 2033), matched to deliveries.

It takes everything that is handed in, keeps nothing but what follows from it, and says
yes only after that is kept. The recipient of a mail is written above it, where bounces
bear our token.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import AnyStr

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import Envelope, Session
from sqlmodel import Session as DatabaseSession

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
    session: DatabaseSession,
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

# aiosmtpd logs senders and recipients: no address may stand in a log.
logging.getLogger("mail.log").setLevel(logging.WARNING)

#: Octets of one line of a mail (mail systems write longer ones than they should), of
#: one mail, and how many recipients it may have.
LONGEST_LINE, LARGEST, MOST_RECIPIENTS = 1 << 20, 5 * 1024 * 1024, 100

#: Seconds that a client may be silent (RFC 5321, 4.5.3.2.7), and connections at once.
SILENCE, CONNECTIONS = 300.0, 50

#: What aiosmtpd says of a whole mail, where LMTP answers for each recipient.
REFUSALS = ("552 Error: Too much", "500 Line too long")

#: What is done with a mail; raises where it cannot be kept, and is called again later.
Keep = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True)
class BounceHandler:
    """What aiosmtpd asks of a mail: whether it is taken, for each recipient."""

    keep: Keep

    async def handle_EHLO(
        self, _: LMTP, session: Session, __: Envelope, host: str, offered: list[str]
    ) -> list[str]:
        """Offer PIPELINING too, which LMTP demands (RFC 2033, 5).

        aiosmtpd reads commands from a buffer, so they may come at once.
        """
        session.host_name = host
        return [*offered[:-1], "250-PIPELINING", offered[-1]]

    async def handle_RCPT(
        self, _: LMTP, __: Session, mail: Envelope, address: str, ___: list[str]
    ) -> str:
        if len(mail.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        if not address.isprintable():
            return "553 5.1.3 this is no address"
        mail.rcpt_tos.append(address)
        return "250 2.1.5 go on"

    async def handle_DATA(self, _: LMTP, __: Session, mail: Envelope) -> str:
        """Answer for each recipient, in their order (RFC 2033, 4.2)."""
        assert isinstance(mail.content, bytes)
        return "\r\n".join([await self._kept(to, mail.content) for to in mail.rcpt_tos])

    async def _kept(self, address: str, raw: bytes) -> str:
        try:
            await self.keep(f"Delivered-To: {address}\r\n".encode() + raw)
        except Exception:
            # The mail server keeps it, and comes again.
            logger.exception("a mail that came back cannot be kept")
            return "451 4.3.0 it cannot be kept now"
        return "250 2.0.0 kept"


class LmtpSession(LMTP):
    """One client's session; those beyond the most at once wait for their turn."""

    line_length_limit = LONGEST_LINE
    show_smtp_greeting = True
    unended = 0  # octets since the last end of a line

    def __init__(self, keep: Keep, talking: asyncio.Semaphore) -> None:
        self.talking = talking
        super().__init__(
            BounceHandler(keep),
            data_size_limit=LARGEST,
            enable_SMTPUTF8=True,
            hostname="flashmail",
            ident="flashmail LMTP",
            timeout=SILENCE,
            loop=asyncio.get_running_loop(),
        )

    def data_received(self, data: bytes) -> None:
        """Hang up on a line without end: aiosmtpd would keep it all in memory."""
        self.unended = 0 if b"\n" in data else self.unended + len(data)
        if self.unended > LONGEST_LINE and self.transport is not None:
            self.transport.close()
            return
        super().data_received(data)

    async def _handle_client(self) -> None:
        async with self.talking:
            await super()._handle_client()

    async def push(self, status: AnyStr) -> None:
        each = isinstance(status, str) and status.startswith(REFUSALS)
        for _ in self.envelope.rcpt_tos if each and self.envelope else (None,):
            await super().push(status)


async def listen(
    keep: Keep, *, host: str = "", port: int = 0, path: str = ""
) -> asyncio.Server:
    """Serve LMTP at a path (a Unix socket), or at a host and port."""
    loop, talking = asyncio.get_running_loop(), asyncio.Semaphore(CONNECTIONS)
    factory = partial(LmtpSession, keep, talking)
    if path:
        return await loop.create_unix_server(factory, path)
    return await loop.create_server(factory, host, port)
