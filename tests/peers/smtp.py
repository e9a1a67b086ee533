"""An SMTP server that speaks faults: it records what it takes, and how it was asked."""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Self

from peers.smtp_speaker import Gone, Speaker
from peers.smtp_words import Ending, Fault, Taken, Talk
from peers.threads import LoopThread

__all__ = ["Ending", "Fault", "SmtpPeer", "Taken", "Talk"]


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
            await Speaker(self, talk, reader, writer).speak()
        except (Gone, ConnectionError, ssl.SSLError, asyncio.CancelledError):
            return
        finally:
            writer.close()
