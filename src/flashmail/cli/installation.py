"""`flashmail init`, `serve` and `worker`: set up an installation, and run it."""

import asyncio
import json as serial
import signal
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from flashmail.cli.console import Json
from flashmail.errors import NeedsDecision


def demo(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="A brief; else our example.")
    ] = None,
) -> None:
    """Import an example roster, send a brief to the outbox, and watch its readers."""
    from flashmail import bootstrap
    from flashmail.audience.segment import Segment
    from flashmail.audience.selection import count
    from flashmail.cli import console
    from flashmail.cli.audience import show
    from flashmail.cli.brief import show_doubts
    from flashmail.cli.campaign import show_report
    from flashmail.cli.send import wait_for
    from flashmail.database import reading
    from flashmail.demo import scene

    home = context.obj / "demo"
    settings = scene.new_home(home)
    brief = scene.read_brief(settings, file)
    _step("The brief")
    show_doubts(brief)
    console.out.print(
        f"{brief.title} ({brief.date}): {len(brief.sections)} sections,"
        f" {len(brief.quotes)} quotes, {len(brief.related)} to read on,"
        f" on {', '.join(brief.topics) or 'no topic'}"
    )
    engine = bootstrap.engine_with_topics(settings)
    _step("The subscribers")
    imported = scene.import_example(engine)
    console.out.print(f"{imported.added} invented people imported from example.csv")
    _step("The audience")
    with reading(engine) as session:
        show(count(session, Segment(any=brief.topics)))
    _step("The mail")
    campaign_id = scene.send_to_outbox(settings, engine, brief)
    wait_for(bootstrap.worker(settings, engine), campaign_id, quiet=True)
    console.out.print(f"sent to the outbox, {home / 'outbox'}")
    _step("Some readers open it, click, or leave")
    scene.let_readers_read(settings, engine)
    show_report(scene.tell(settings, engine, campaign_id))
    _step("Look at it")
    console.out.print(f"make run, or: flashmail --home {home} serve")


def _step(title: str) -> None:
    from flashmail.cli import console

    console.out.print(f"\n[bold]{title}[/bold]")


SIGNS = {"good": "[green]good[/]", "doubtful": "[yellow]doubtful[/]"}


def doctor(
    context: typer.Context,
    selector: Annotated[
        list[str] | None, typer.Option(help="A DKIM selector; may be given again.")
    ] = None,
    zone: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Recorded answers instead of the name servers: JSON.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Examine settings, the way out, and what the name servers say of the sender.

    Nothing is sent. Ends with exit status 3 where something is wrong.
    """
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.doctor import CheckLevel, examine
    from flashmail.doctor.dns_records import live, recorded
    from flashmail.reports.subscriber import unscheduled
    from flashmail.settings import load

    # Asking name servers takes libraries that no other command waits for.

    settings = load(context.obj)
    engine = bootstrap.engine(settings)
    with reading(engine) as session:
        waiting = unscheduled(session)
    engine.dispose()
    answers = recorded(serial.loads(zone.read_text())) if zone else live
    patient = replace(bootstrap.patient(settings), unscheduled=waiting)
    checks = examine(patient, answers, tuple(selector or ()))
    if json:
        console.result([asdict(check) for check in checks])
    else:
        for check in checks:
            sign = SIGNS.get(check.verdict, "[red]wrong[/]")
            console.out.print(f"{sign:22}", f"[bold]{check.name}[/]", end="  ")
            console.out.print(check.found, markup=False)
            if check.remedy:
                console.out.print(" " * 10 + check.remedy, markup=False)
    if wrong := [each.name for each in checks if each.verdict is CheckLevel.WRONG]:
        raise NeedsDecision(f"to be mended before anything is sent: {', '.join(wrong)}")


def init(context: typer.Context) -> None:
    """Make what a home needs: .env with a fresh key, topics, segments, the tables."""
    from flashmail.cli import console
    from flashmail.home import initialise

    made = initialise(context.obj)
    for path in made:
        console.note(f"made {path}")
    console.note("ready" if made else "everything was there; the tables are up to date")


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen at.")] = 8000,
) -> None:
    """Run the web pages, the scheduler and a worker, in one process."""
    import uvicorn

    from flashmail import logs
    from flashmail.cli import console
    from flashmail.settings import load
    from flashmail.web.app import serving

    settings = load(context.obj)
    logs.configure(settings.log_format)
    console.note(f"flashmail at http://{host}:{port}/ (Ctrl+C ends it)")
    uvicorn.run(
        serving(settings),
        host=host,
        port=port,
        log_level="warning",
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
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
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.delivery.instance import InstanceFence
    from flashmail.settings import load

    settings = load(context.obj)
    fence = InstanceFence(bootstrap.engine(settings), settings.home)
    stopped = fence.adopt(beside=beside)
    for number in stopped:
        console.note(
            f"campaign {number} was stopped: look at it, then resume or cancel it"
        )
    console.note("this home may send")


def worker(context: typer.Context) -> None:
    """Send what is due, beside other workers; ends after the mails on their way.

    Chores are done as well, but for those of the pages.
    """
    import uvloop

    from flashmail import bootstrap, logs, maintenance
    from flashmail.cli import console
    from flashmail.settings import load

    settings = load(context.obj)
    logs.configure(settings.log_format)
    made = bootstrap.worker(settings, bootstrap.engine(settings))

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        console.note(f"worker {made.name} at work (Ctrl+C ends it)")
        await made.run(stop)

    with maintenance.running(maintenance.jobs(settings, made), made.engine, made.name):
        uvloop.run(run())
