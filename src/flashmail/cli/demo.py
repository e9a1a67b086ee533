"""`flashmail demo`: the whole way of one brief, with nothing but this machine."""

from pathlib import Path
from typing import Annotated

import typer

from flashmail import bootstrap
from flashmail.audience.segment import Segment
from flashmail.audience.select import count
from flashmail.cli import say
from flashmail.cli.audience import show
from flashmail.cli.brief import show_doubts
from flashmail.cli.campaign import show_report
from flashmail.cli.wait import wait_for
from flashmail.database import reading
from flashmail.demo import scene


def demo(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="A brief; else our example.")
    ] = None,
) -> None:
    """Import an example roster, send a brief to the outbox, and watch its readers."""
    home = context.obj / "demo"
    settings = scene.new_home(home)
    brief = scene.read_brief(settings, file)
    _step("The brief")
    show_doubts(brief)
    say.out.print(
        f"{brief.title} ({brief.date}): {len(brief.sections)} sections,"
        f" {len(brief.quotes)} quotes, {len(brief.related)} to read on,"
        f" on {', '.join(brief.topics) or 'no topic'}"
    )
    engine = bootstrap.engine_with_topics(settings)
    _step("The subscribers")
    imported = scene.import_example(engine)
    say.out.print(f"{imported.added} invented people imported from example.csv")
    _step("The audience")
    with reading(engine) as session:
        show(count(session, Segment(any=brief.topics)))
    _step("The mail")
    campaign_id = scene.send_to_outbox(settings, engine, brief)
    wait_for(bootstrap.worker(settings, engine), campaign_id, quiet=True)
    say.out.print(f"sent to the outbox, {home / 'outbox'}")
    _step("Some readers open it, click, or leave")
    scene.let_readers_read(settings, engine)
    show_report(scene.tell(settings, engine, campaign_id))
    _step("Look at it")
    say.out.print(f"make run, or: flashmail --home {home} serve")


def _step(title: str) -> None:
    say.out.print(f"\n[bold]{title}[/bold]")
