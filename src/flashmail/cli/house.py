"""`flashmail init`, `serve` and `worker`: set up an installation, and run it."""

import asyncio
import signal
from typing import Annotated

import typer
import uvloop

from flashmail import bootstrap, chores, logs
from flashmail.cli import say
from flashmail.home import initialise
from flashmail.sending.engine.instance import InstanceFence
from flashmail.settings import load


def init(context: typer.Context) -> None:
    """Make what a home needs: .env with a fresh key, topics, segments, the tables."""
    made = initialise(context.obj)
    for path in made:
        say.note(f"made {path}")
    say.note("ready" if made else "everything was there; the tables are up to date")


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen at.")] = 8000,
) -> None:
    """Run the web pages, the scheduler and a worker, in one process."""
    import uvicorn

    from flashmail.web.app import serving

    settings = load(context.obj)
    logs.configure(settings.log)
    say.note(f"flashmail at http://{host}:{port}/ (Ctrl+C ends it)")
    uvicorn.run(
        serving(settings),
        host=host,
        port=port,
        log_level="warning",
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
    )


def adopt(
    context: typer.Context,
    beside: Annotated[
        bool,
        typer.Option("--beside", help="Send beside the others: one more machine."),
    ] = False,
) -> None:
    """Let this home send after a restore, a move, or as one machine more.

    Unless --beside, every campaign under way is stopped first: after a restore the
    tables do not know what went out since the backup. Resume what should go on.
    """
    settings = load(context.obj)
    fence = InstanceFence(bootstrap.engine(settings), settings.home)
    stopped = fence.adopt(beside=beside)
    for number in stopped:
        say.note(f"campaign {number} was stopped: look at it, then resume or cancel it")
    say.note("this home may send")


def worker(context: typer.Context) -> None:
    """Send what is due, beside other workers; ends after the mails on their way.

    Chores are done as well, but for those of the pages.
    """
    settings = load(context.obj)
    logs.configure(settings.log)
    made = bootstrap.worker(settings, bootstrap.engine(settings))

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        say.note(f"worker {made.name} at work (Ctrl+C ends it)")
        await made.run(stop)

    with chores.done(chores.of(settings, made), made.engine, made.name):
        uvloop.run(run())
