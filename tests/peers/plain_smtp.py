"""aiosmtpd as a peer: an SMTP server that nobody of this house wrote."""

import asyncio
from dataclasses import dataclass
from typing import Any, Self

from aiosmtpd.smtp import SMTP

from peers.threads import LoopThread


@dataclass(frozen=True)
class Came:
    """A mail as aiosmtpd hands it on: dots unstuffed, lines ended by CRLF."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes


class PlainSmtpPeer:
    """`with PlainSmtpPeer() as peer: peer.port, peer.messages`."""

    def __init__(self) -> None:
        self.messages: list[Came] = []

    def __enter__(self) -> Self:
        self._thread = LoopThread()
        self._server = self._thread.call(self._start())
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.loop.call_soon_threadsafe(self._server.close)
        self._thread.stop()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        came = Came(envelope.mail_from, tuple(envelope.rcpt_tos), envelope.content)
        self.messages.append(came)
        return "250 2.0.0 Taken"

    async def _start(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: SMTP(self, enable_SMTPUTF8=True, hostname="peer.example"),
            "127.0.0.1",
        )
