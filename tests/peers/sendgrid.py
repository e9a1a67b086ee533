"""A server in SendGrid's shape, which can misbehave as SendGrid and networks do."""

import asyncio
import json
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Self

from peers.threads import LoopThread


class Ending(Enum):
    """What happens after a request was read."""

    ANSWER = auto()
    CLOSE = auto()
    HANG = auto()
    HALF = auto()  # close in the middle of the answer


@dataclass(frozen=True)
class Turn:
    """How one request is met. Without turns, the peer takes all but bad readers."""

    status: int = 202
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    ending: Ending = Ending.ANSWER
    #: Whether the mails go out, whatever the answer says.
    accepts: bool = False


TAKE_AND_CLOSE = Turn(ending=Ending.CLOSE, accepts=True)
TAKE_AND_HANG = Turn(ending=Ending.HANG, accepts=True)
CLOSE = Turn(ending=Ending.CLOSE)


@dataclass(frozen=True)
class Request:
    """What was asked, and when by the peer's loop clock."""

    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes
    at: float

    @property
    def addresses(self) -> list[str]:
        return [to["email"] for p in self.body["personalizations"] for to in p["to"]]


class SendGridPeer:
    """`with SendGridPeer(bad={"x@y"}) as peer: peer.url, peer.requests, peer.mails`.

    `named` says whether a refusal names the place of the bad reader.
    """

    def __init__(
        self,
        *,
        bad: Collection[str] = (),
        named: bool = True,
        turns: Iterable[Turn] = (),
    ) -> None:
        self.requests: list[Request] = []
        #: The personalizations that were accepted.
        self.mails: list[dict[str, Any]] = []
        self.connections = 0
        self.turns = deque(turns)
        self._bad = frozenset(bad)
        self._named = named

    def __enter__(self) -> Self:
        self._thread = LoopThread()
        self._server = self._thread.call(
            asyncio.start_server(self._serve, "127.0.0.1", 0)
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.loop.call_soon_threadsafe(self._server.close)
        self._thread.stop()

    @property
    def addresses(self) -> list[str]:
        """Whom a mail went to, in order, repeated if it went twice."""
        return [to["email"] for mail in self.mails for to in mail["to"]]

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        try:
            while request := await _read(reader):
                self.requests.append(request)
                turn = self.turns.popleft() if self.turns else self._judge(request)
                if turn.accepts:
                    self.mails += request.body["personalizations"]
                if not await _end(turn, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    def _judge(self, request: Request) -> Turn:
        errors = [
            {
                "message": "Does not contain a valid address.",
                "field": f"personalizations.{at}.to.0.email" if self._named else None,
                "help": None,
            }
            for at, address in enumerate(request.addresses)
            if address in self._bad
        ]
        if errors:
            return Turn(400, json.dumps({"errors": errors[:1]}).encode())
        return Turn(accepts=True)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")[1:-2]
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name.lower(): value for name, value in pairs}
    raw = await reader.readexactly(int(headers["content-length"]))
    now = asyncio.get_running_loop().time()
    return Request(headers, json.loads(raw), head + raw, now)


async def _end(turn: Turn, writer: asyncio.StreamWriter) -> bool:
    """Answer as told; return whether the connection lives on."""
    if turn.ending is Ending.HANG:
        await asyncio.sleep(3600)
    if turn.ending is Ending.CLOSE:
        return False
    headers = {"Content-Length": str(len(turn.body)), **turn.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    phrase = HTTPStatus(turn.status).phrase
    answer = f"HTTP/1.1 {turn.status} {phrase}\r\n{lines}\r\n".encode() + turn.body
    if turn.ending is Ending.HALF:
        answer = answer[: len(answer) // 2]
    writer.write(answer)
    await writer.drain()
    return turn.ending is Ending.ANSWER
