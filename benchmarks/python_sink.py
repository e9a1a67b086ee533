"""The sink where there is no C compiler: slower, and perhaps the limit."""

import asyncio
from typing import cast

import uvloop

HELLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000\r\n"
DOT = b"\r\n.\r\n"

#: Behind a mail's end stands no more than an envelope; see sink.c.
ENVELOPE = 4096


class Sink(asyncio.Protocol):
    """One connection."""

    mails = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._rest, self._in_mail = b"", False
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        rest, answers = self._rest + data, []
        while rest:
            heard = self._skip(rest) if self._in_mail else self._hear(rest)
            if heard is None:
                break
            rest, answer = heard
            answers.append(answer)
        self._rest = rest[-ENVELOPE:]
        self._transport.write(b"".join(answers))

    def _skip(self, data: bytes) -> tuple[bytes, bytes] | None:
        end = data.find(DOT, max(0, len(data) - ENVELOPE))
        if end < 0:
            return None
        Sink.mails += 1
        self._in_mail = False
        return data[end + len(DOT) :], b"250 2.0.0 Ok: queued\r\n"

    def _hear(self, data: bytes) -> tuple[bytes, bytes] | None:
        command, newline, rest = data.partition(b"\n")
        if not newline:
            return None
        match command[:4].upper():
            case b"EHLO":
                return rest, HELLO
            case b"DATA":
                self._in_mail = True
                return b"\r\n" + rest, b"354 End data with <CR><LF>.<CR><LF>\r\n"
            case b"XCOU":
                return rest, b"250 %d\r\n" % Sink.mails
            case b"QUIT":
                asyncio.get_running_loop().call_soon(self._transport.close)
        return rest, b"250 2.0.0 Ok\r\n"


async def serve() -> None:
    made = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(made.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - for the parent
    await made.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
