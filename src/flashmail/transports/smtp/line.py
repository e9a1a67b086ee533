"""A line to a server: bytes go out, whole replies come in, and it can be lost."""

import asyncio
import re
import ssl
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

from flashmail.transports.replies import Reply

#: A reply's line has at most 512 octets (RFC 5321, section 4.5.3.1.5). Servers that
#: write more are heard, those that never end are not.
LONGEST_REPLY = 64 * 1024

REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])([^\r\n]*))?").fullmatch

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f]")


class Lost(Exception):
    """The line is dead: cut, silent for too long, or no SMTP any more."""


class Line(asyncio.Protocol):
    """One connection.

    Whoever reads is woken once for all the replies asked for, not once for each: with
    PIPELINING that is once for each mail.
    """

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._replies: list[Reply] = []
        self._rest = b""
        self._text: list[str] = []
        self._limits: Sequence[float] = ()
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None
        self._paused = False
        self.closed: asyncio.Future[None] = self._loop.create_future()
        #: Why the line is dead, as long as it lives nothing.
        self.lost = ""

    async def read(self, limits: Sequence[float]) -> list[Reply]:
        """Return as many replies as there are limits, which are seconds for each.

        A lost line leads to fewer replies than asked for, not to an error: those that
        came before count.
        """
        if len(self._replies) < len(limits) and not self.lost:
            self._limits = limits
            self._waiter = self._loop.create_future()
            self._set_deadline()
            await self._waiter
        taken = self._replies[: len(limits)]
        del self._replies[: len(limits)]
        return taken

    async def read_one(self, limit: float) -> Reply:
        """Return the next reply, or raise Lost."""
        replies = await self.read((limit,))
        if not replies:
            raise Lost(self.lost)
        return replies[0]

    def write(self, *chunks: bytes) -> None:
        if not self.lost:
            self.transport.writelines(chunks)

    async def drain(self, limit: float) -> None:
        """Wait until what was written is on its way; raise Lost when it never is."""
        if self._paused and not self.lost:
            self._drain = self._loop.create_future()
            try:
                async with asyncio.timeout(limit):
                    await self._drain
            except TimeoutError:
                self._lose(f"the server took nothing for {limit:g} seconds")
        if self.lost:
            raise Lost(self.lost)

    async def start_tls(self, context: ssl.SSLContext, host: str, limit: float) -> None:
        """Encrypt the line. Whatever was said in clear before counts for nothing."""
        self._rest, self._text = b"", []
        self._replies.clear()
        made = await self._loop.start_tls(
            self.transport,
            self,
            context,
            server_hostname=host,
            ssl_handshake_timeout=limit,
        )
        if made is None:
            raise Lost(self.lost or "the line was cut while TLS began")
        self.transport = made

    def is_quiet(self) -> bool:
        """Return whether the line lives and nothing unasked was said on it."""
        return not (self.lost or self._replies or self._rest or self._text)

    def abort(self, reason: str = "closed") -> None:
        """Cut the line now; what was written but did not leave never will."""
        self._lose(reason)

    # asyncio calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        before = len(self._replies)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._hear(line.removesuffix(b"\r"))
        if len(self._rest) + sum(map(len, self._text)) > LONGEST_REPLY:
            self._lose("the server's reply does not end")
        if self._waiter is None:
            return
        if len(self._replies) >= len(self._limits) or self.lost:
            self._wake()
        elif len(self._replies) > before:
            # Not for each byte: a server that dribbles would hold the line for ever.
            self._set_deadline()

    def connection_lost(self, problem: Exception | None) -> None:
        self.lost = self.lost or f"the line was cut: {problem or 'by the server'}"
        self._wake()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._drain and not self._drain.done():
            self._drain.set_result(None)

    def _hear(self, line: bytes) -> None:
        if self.lost:
            return
        found = _reply_line(line)
        if found is None:
            self._lose("the server's reply is no SMTP")
            return
        reply, more = found
        if more or self._text:
            self._text.append(reply.text)
        if more:
            return
        if self._text:
            reply = Reply(reply.code, "\n".join(self._text))
            self._text = []
        self._replies.append(reply)

    def _lose(self, reason: str) -> None:
        self.lost = self.lost or reason
        self.transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._timer and self.lost:
            self._timer.cancel()
            self._timer = None
        for waiter in (self._waiter, self._drain if self.lost else None):
            if waiter and not waiter.done():
                waiter.set_result(None)
        self._waiter = None

    def _set_deadline(self) -> None:
        """Give the next reply its time.

        A timer that fires too early is set again then: most never fire, and moving
        one for each mail would cost more than the rest of this class.
        """
        self._deadline = self._loop.time() + self._limits[len(self._replies)]
        if self._timer and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look_at_clock)
        else:
            self._lose("the server was silent for too long")


@lru_cache(maxsize=256)
def _reply_line(line: bytes) -> tuple[Reply, bool] | None:
    """Return a line's part of a reply, and whether more lines follow.

    Cached, because a server says the same few words to each of a million mails.
    """
    found = REPLY_LINE(line)
    if found is None:
        return None
    code, more, text = found.groups()
    printable = UNPRINTABLE.sub(" ", (text or b"").decode("utf-8", "replace"))
    return Reply(int(code), printable.strip()), more == b"-"
