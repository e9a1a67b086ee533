"""`flashmail subscribers`: bring people in, take them out, look at who is there."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flashmail import bootstrap
from flashmail.audience import roster
from flashmail.cli import say
from flashmail.database import reading, transaction
from flashmail.settings import load

app = typer.Typer(no_args_is_help=True, help="Bring people in, and take them out.")

PROBLEMS_SHOWN = 20


@app.command("import")
def import_files(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(dir_okay=False, help="Roster CSVs.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would happen.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Bring people in from CSV files: address, name, topics, status and more.

    Who unsubscribed, bounced or complained stays out; nobody loses a topic.
    """
    engine = bootstrap.engine_with_topics(load(context.obj))
    with say.progress("Importing") as advance:
        report = roster.import_rosters(
            engine, files, dry_run=dry_run, now=datetime.now(UTC), progress=advance
        )
    if json:
        say.result(report.as_json())
        return
    for problem in report.problems[:PROBLEMS_SHOWN]:
        say.note(f"{problem.file}, line {problem.row}: {problem.message}")
    if len(report.problems) > PROBLEMS_SHOWN:
        rest = len(report.problems) - PROBLEMS_SHOWN
        say.note(f"... and {rest:,} more; --json lists them")
    would = "would be " if dry_run else ""
    say.out.print(
        f"{report.rows:,} rows: {report.added:,} {would}added,"
        f" {report.updated:,} updated, {report.unchanged:,} unchanged,"
        f" {report.kept_out:,} kept out, {report.rejected:,} rejected"
    )


@app.command()
def export(
    context: typer.Context,
    output: Annotated[Path | None, typer.Option("--output", "-o")] = None,
    segment: Annotated[str, typer.Option(help="Only those whom it means.")] = "",
) -> None:
    """Write everybody into a CSV file that can be imported again."""
    home: Path = context.obj
    engine = bootstrap.engine_with_topics(load(home))
    chosen = bootstrap.segment(home, segment) if segment else None
    with reading(engine) as session:
        if output is None:
            roster.export(session, sys.stdout, segment=chosen)
            return
        with output.open("w", encoding="utf-8", newline="") as file:
            roster.export(session, file, segment=chosen)


@app.command()
def add(
    context: typer.Context,
    address: str,
    name: Annotated[str, typer.Option(help="How the person is called.")] = "",
    topic: Annotated[
        list[str] | None, typer.Option(help="Followed; repeat it.")
    ] = None,
) -> None:
    """Add one person, or let one follow more topics."""
    engine = bootstrap.engine_with_topics(load(context.obj))
    with transaction(engine) as session:
        roster.add(
            session, address, name=name, topics=topic or [], now=datetime.now(UTC)
        )
    say.note(f"{address} is there")


@app.command()
def remove(context: typer.Context, address: str) -> None:
    """Unsubscribe one person, for good: no import brings them back."""
    engine = bootstrap.engine_with_topics(load(context.obj))
    with transaction(engine) as session:
        roster.remove(session, address, now=datetime.now(UTC))
    say.note(f"{address} gets no more mail")
