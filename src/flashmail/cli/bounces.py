"""`flashmail bounces`: read what came back by mail."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from flashmail.bounces import ParsedBounce
from flashmail.cli.console import Json

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from flashmail.links import Tokens
    from flashmail.tracking import bounce_intake

app = typer.Typer(no_args_is_help=True, help="Read what came back by mail.")

STANDARD_INPUT = "-"

#: Mails with their events kept in one transaction.
TOGETHER = 100


class ReturnedMail(NamedTuple):
    """One mail that came back, and where it lies, if not in a pipe."""

    path: Path | None
    raw: bytes
    verdict: ParsedBounce

    @property
    def name(self) -> str:
        return STANDARD_INPUT if self.path is None else str(self.path)


@app.callback()
def options() -> None:
    """Read what came back by mail."""


@app.command()
def read(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(help="Mails, folders, Maildirs; - is a pipe.")
    ],
    json: Json = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Let it have its consequences.")
    ] = False,
) -> None:
    """Say of each mail whether it is a bounce, a complaint or nothing of the kind.

    With --apply, what is surely about a mail of ours is kept as an event: who bounced
    for good or complained gets no more. Mails in a Maildir move from new to cur.
    """
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.settings import load

    home: Path = context.obj
    settings = load(home) if apply else None
    engine = bootstrap.engine(settings) if settings else None
    mails, count = _mails(paths), 0
    while some := list(islice(mails, TOGETHER)):
        if settings and engine:
            count += _apply(engine, bootstrap.tokens(settings), some)
        for mail in some:
            _tell(mail, json=json)
    if apply:
        console.note(f"{count:,} new events")


@app.command()
def listen(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Where mail servers hand in.")] = 8024,
    host: Annotated[str, typer.Option(help="On which address.")] = "127.0.0.1",
    socket: Annotated[str, typer.Option(help="A Unix socket instead.")] = "",
) -> None:
    """Take bounces from a mail server by LMTP, and let each have its consequences.

    In Postfix: 'transport_maps' with 'bounces.example.org lmtp:[127.0.0.1]:8024'.
    """
    from flashmail import bootstrap
    from flashmail.bounces import read_bounce
    from flashmail.cli import console
    from flashmail.settings import load

    settings = load(context.obj)
    engine, tokens = bootstrap.engine(settings), bootstrap.tokens(settings)

    async def keep(raw: bytes) -> None:
        mail = ReturnedMail(None, raw, read_bounce(raw))
        await asyncio.to_thread(_apply, engine, tokens, [mail])
        _tell(mail, json=False)

    console.note(f"listening at {socket or f'{host}:{port}'}")
    with suppress(KeyboardInterrupt):
        asyncio.run(_listen(keep, host=host, port=port, path=socket))


async def _listen(keep: bounce_intake.Keep, **where: Any) -> None:
    from flashmail.tracking import bounce_intake

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await bounce_intake.listen(keep, **where)
    async with server:
        await stop.wait()


def _mails(paths: Iterable[Path]) -> Iterator[ReturnedMail]:
    from flashmail.bounces import BounceKind, read_bounce
    from flashmail.bounces.mail import LARGEST, content, files
    from flashmail.cli import console

    for path in paths:
        if str(path) == STANDARD_INPUT:
            raw = sys.stdin.buffer.read(LARGEST)
            yield ReturnedMail(None, raw, read_bounce(raw))
            continue
        for file in files(path):
            try:
                raw = content(file)
            except OSError as error:
                # The others can be read all the same.
                console.note(f"{file}: {error.strerror}")
                yield ReturnedMail(
                    file, b"", ParsedBounce(BounceKind.NONE, reason="cannot be read")
                )
                continue
            yield ReturnedMail(file, raw, read_bounce(raw))


def _apply(engine: Engine, tokens: Tokens, mails: Iterable[ReturnedMail]) -> int:
    from flashmail.bounces.mail import seen
    from flashmail.database import transaction
    from flashmail.tracking.bounce_intake import match_bounce
    from flashmail.tracking.recording import record

    now = datetime.now(UTC)
    with transaction(engine) as session:
        events = [
            match_bounce(session, tokens, mail.verdict, mail.raw, now=now)
            for mail in mails
        ]
        count = record(session, [event for event in events if event])
    # Only now is it kept; read again after a crash, it is one event all the same.
    for mail in mails:
        if mail.path and mail.raw:
            seen(mail.path)
    return count


def _tell(mail: ReturnedMail, *, json: bool) -> None:
    from flashmail.cli import console

    told = mail.verdict
    if json:
        console.result(
            {
                "file": mail.name,
                "kind": told.kind,
                "address": told.address,
                "status": told.status,
                "reason": told.reason,
            }
        )
        return
    words = (told.kind.value, told.address, told.status, told.reason)
    console.out.print(f"{mail.name}: {' '.join(filter(None, words))}", markup=False)
