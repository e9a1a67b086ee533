"""A line to a server: bytes go out, whole replies come in, and it can be lost."""

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import cast

from flashmail.transports.smtp.replies import Reply

#: A reply's line has at most 512 octets (RFC 5321, section 4.5.3.1.5). Servers that
#: write more are heard, those that never end are not.
LONGEST_REPLY = 64 * 1024

REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])([^\r\n]*))?").fullmatch

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f]")


class ConnectionLost(Exception):
    """The line is dead: cut, silent for too long, or no SMTP any more."""


class Connection(asyncio.Protocol):
    """One connection.

    The listener is called once for all the replies asked for, not once for each:
    with PIPELINING that is once for each mail.
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
        self._stalled: asyncio.TimerHandle | None = None
        self._heard: Callable[[], None] | None = None
        self._drained: Callable[[], None] | None = None
        self._paused = False
        self.closed: asyncio.Future[None] = self._loop.create_future()
        #: Why the line is dead, as long as it lives nothing.
        self.lost = ""

    def listen(self, limits: Sequence[float], heard: Callable[[], None]) -> None:
        """Call `heard` when there are as many replies as limits, seconds for each.

        Once, and never before this returns. A lost line leads to fewer replies, not to
        an error: those that came before count.
        """
        self._limits, self._heard = limits, heard
        if len(self._replies) < len(limits) and not self.lost:
            self._set_deadline()
        else:
            self._loop.call_soon(self._look_again)

    def take(self, count: int) -> list[Reply]:
        """Return the next replies, at most so many."""
        taken = self._replies[:count]
        del self._replies[:count]
        return taken

    async def read(self, limits: Sequence[float]) -> list[Reply]:
        """Wait for as many replies as there are limits; return them, or fewer."""
        came: asyncio.Future[None] = self._loop.create_future()
        self.listen(limits, partial(_settle, came))
        await came
        return self.take(len(limits))

    async def read_one(self, limit: float) -> Reply:
        """Return the next reply, or raise Lost."""
        replies = await self.read((limit,))
        if not replies:
            raise ConnectionLost(self.lost)
        return replies[0]

    def write(self, *chunks: bytes) -> None:
        if not self.lost:
            self.transport.writelines(chunks)

    def when_drained(self, limit: float, drained: Callable[[], None]) -> None:
        """Call back when what was written is on its way, or the line is lost."""
        if not self._paused or self.lost:
            drained()
            return
        self._drained = drained
        lost = partial(self._lose, f"the server took nothing for {limit:g} seconds")
        self._stalled = self._loop.call_later(limit, lost)

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
            raise ConnectionLost(self.lost or "the line was cut while TLS began")
        self.transport = made

    def is_quiet(self) -> bool:
        """Return whether the line lives and nothing unasked was said on it."""
        return not (self.lost or self._replies or self._rest or self._text)

    def abort(self, reason: str = "closed") -> None:
        """Cut the line now; what was written but did not leave never will.

        The listener hears no more of it.
        """
        self._heard = self._drained = None
        self._lose(reason)

    # asyncio calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        before = len(self._replies)
        whole = None if self._rest or self._text or self.lost else _whole(data)
        if whole is None:
            self._piece_together(data)
        else:
            self._replies += whole
        if self._heard is None:
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
        self._wake_writer()

    def _piece_together(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._hear(line)
        if len(self._rest) + sum(map(len, self._text)) > LONGEST_REPLY:
            self._lose("the server's reply does not end")

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

    def _look_again(self) -> None:
        if self._heard and (len(self._replies) >= len(self._limits) or self.lost):
            self._wake()

    def _wake(self) -> None:
        if self.lost:
            if self._timer:
                self._timer.cancel()
                self._timer = None
            self._wake_writer()
        heard, self._heard = self._heard, None
        if heard:
            heard()

    def _wake_writer(self) -> None:
        if self._stalled:
            self._stalled.cancel()
            self._stalled = None
        drained, self._drained = self._drained, None
        if drained:
            drained()

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
        if self._heard is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look_at_clock)
        else:
            self._lose("the server was silent for too long")


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _whole(data: bytes) -> Sequence[Reply] | None:
    """Return the replies that data consists of, if it is whole replies of one line.

    The first may be new each time, the number of a mail in the server's queue say; the
    others are the same few words for each of a million mails.
    """
    first, end, others = data.partition(b"\n")
    known = _same_as_ever(others)
    found = _reply_line(first)
    if not end or known is None or found is None or found[1]:
        return None
    return (found[0], *known)


@lru_cache(maxsize=64)
def _same_as_ever(data: bytes) -> tuple[Reply, ...] | None:
    *lines, rest = data.split(b"\n")
    found = [_reply_line(line) for line in lines]
    if rest or any(each is None or each[1] for each in found):
        return None
    return tuple(each[0] for each in found if each)


@lru_cache(maxsize=256)
def _reply_line(line: bytes) -> tuple[Reply, bool] | None:
    """Return a line's part of a reply, and whether more lines follow."""
    found = REPLY_LINE(line.removesuffix(b"\r"))
    if found is None:
        return None
    code, more, text = found.groups()
    printable = UNPRINTABLE.sub(" ", (text or b"").decode("utf-8", "replace"))
    return Reply(int(code), printable.strip()), more == b"-"
