"""`flashmail subscribers`: add people, take them out, look at the list."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from flashmail.cli.console import Json
from flashmail.errors import NeedsDecision, WrongInput

if TYPE_CHECKING:
    from flashmail import import_export

app = typer.Typer(no_args_is_help=True, help="Bring people in, and take them out.")

PROBLEMS_SHOWN = 20


@app.command("import")
def import_files(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(dir_okay=False, help="Roster CSVs.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would happen.")
    ] = False,
    column: Annotated[
        list[str] | None, typer.Option(help="TITLE=address and the like; repeat it.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option(help="Write rows that were not taken to this CSV.")
    ] = None,
    json: Json = False,
) -> None:
    """Bring people in: rosters, and exports of other programs, also in a zip.

    Who unsubscribed, bounced or complained stays out; nobody loses a topic. A roster
    has the columns address, name, topics, status, time_zone and language; a topic may
    say how often, as in Iran:weekly.
    """
    from flashmail import bootstrap, import_export
    from flashmail.cli import console
    from flashmail.settings import load

    engine = bootstrap.engine_with_topics(load(context.obj))
    with console.progress("Importing") as advance, _writing(rejected) as rejects:
        report = import_export.import_rosters(
            engine,
            files,
            mapped=_mapped(column or []),
            dry_run=dry_run,
            now=datetime.now(UTC),
            progress=advance,
            rejects=rejects,
        )
    if json:
        console.result(report.as_json())
        return
    _tell(report, dry_run=dry_run)


@app.command()
def preview(
    files: Annotated[list[Path], typer.Argument(dir_okay=False, help="As to import.")],
    column: Annotated[list[str] | None, typer.Option(help="As to import.")] = None,
    json: Json = False,
) -> None:
    """Say what files are taken for, and what each column is read as."""
    from flashmail import import_export
    from flashmail.cli import console

    found = import_export.preview(files, mapped=_mapped(column or []))
    if json:
        console.result([each.as_json() for each in found])
        return
    for each in found:
        console.note(f"{each.file}: {each.format} {each.status}".rstrip())
        console.table(
            ["column", "is read as"], [(c.title, c.field) for c in each.columns]
        )
        if each.problem:
            console.note(each.problem)


def _mapped(words: list[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise WrongInput(f"{word}: write --column 'Their title=address'")
    return {title: field for title, _, field in (w.rpartition("=") for w in words)}


@contextmanager
def _writing(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        yield file


def _tell(report: import_export.ImportReport, *, dry_run: bool) -> None:
    from flashmail.cli import console

    for note in report.notes[:PROBLEMS_SHOWN]:
        console.note(note)
    for problem in report.problems[:PROBLEMS_SHOWN]:
        console.note(f"{problem.file}, line {problem.row}: {problem.message}")
    if len(report.problems) > PROBLEMS_SHOWN:
        rest = len(report.problems) - PROBLEMS_SHOWN
        console.note(f"... and {rest:,} more; --json lists them")
    would = "would be " if dry_run else ""
    console.out.print(
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
    from flashmail import bootstrap, import_export
    from flashmail.database import reading
    from flashmail.settings import load

    home: Path = context.obj
    engine = bootstrap.engine_with_topics(load(home))
    chosen = bootstrap.segment(home, segment, engine) if segment else None
    with reading(engine) as session:
        if output is None:
            import_export.export(session, sys.stdout, segment=chosen)
            return
        with output.open("w", encoding="utf-8", newline="") as file:
            import_export.export(session, file, segment=chosen)


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
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.settings import load
    from flashmail.subscribers.edit import add as roster_add

    engine = bootstrap.engine_with_topics(load(context.obj))
    with transaction(engine) as session:
        roster_add(
            session, address, name=name, topics=topic or [], now=datetime.now(UTC)
        )
    console.note(f"{address} is there")


@app.command()
def remove(context: typer.Context, address: str) -> None:
    """Unsubscribe one person, for good: no import brings them back."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.settings import load
    from flashmail.subscribers.edit import remove as roster_remove

    engine = bootstrap.engine_with_topics(load(context.obj))
    with transaction(engine) as session:
        roster_remove(session, address, now=datetime.now(UTC))
    console.note(f"{address} gets no more mail")


@app.command()
def data(context: typer.Context, address: str) -> None:
    """Print all that is kept of one person, consents too, as JSON."""
    from flashmail import bootstrap
    from flashmail.database import reading
    from flashmail.privacy import as_text, takeout
    from flashmail.settings import load
    from flashmail.subscribers.edit import find_by_address

    with reading(bootstrap.engine(load(context.obj))) as session:
        content = takeout(session, find_by_address(session, address))
    sys.stdout.write(as_text(content))


@app.command()
def erase(
    context: typer.Context,
    address: str,
    yes: Annotated[
        bool, typer.Option("--yes", help="It cannot be taken back.")
    ] = False,
) -> None:
    """Erase one person everywhere; totals stay, and no import brings them back."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.privacy import erase_everywhere
    from flashmail.settings import load
    from flashmail.subscribers.edit import find_by_address

    if not yes:
        raise NeedsDecision("this cannot be taken back: say --yes if you mean it")
    settings = load(context.obj)
    with transaction(bootstrap.engine(settings)) as session:
        person = find_by_address(session, address)
        outbox = bootstrap.outbox(settings)
        erase_everywhere(session, person, outbox, now=datetime.now(UTC))
    console.note("erased")
