"""How the command line speaks: results on standard output, all else on the other."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="For a program.")]

Number = Annotated[int, typer.Argument(help="The campaign's number.")]

ToSegment = Annotated[
    str,
    typer.Option("--segment", help="To this segment instead of the topics' followers."),
]

At = Annotated[
    str,
    typer.Option("--at", help="A time with its zone: '2027-03-01 09:00 Europe/Paris'."),
]

Urgent = Annotated[bool, typer.Option("--urgent", help="Now, before everything else.")]

Template = Annotated[str, typer.Option("--template", help="A folder of templates/.")]

Codes = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        help="Override a finding that blocks, by its code; all staff are told.",
    ),
]

Reason = Annotated[
    str, typer.Option("--reason", help="Why it is overridden, in a sentence.")
]

#: The approver in the audit log, with --yes.
AT_THE_COMMAND_LINE = "system (command line)"

out = Console(highlight=False, soft_wrap=True)

err = Console(stderr=True, highlight=False, soft_wrap=True)


def result(value: object) -> None:
    """Print one JSON value, alone, for a program to read."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def note(text: str) -> None:
    """Tell a person something, where it cannot get into a program's way."""
    err.print(text, markup=False)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their headings; numbers to the right."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        number = bool(rows) and isinstance(rows[0][place], int)
        grid.add_column(column, justify="right" if number else "left")
    for row in rows:
        grid.add_row(*(f"{x:,}" if isinstance(x, int) else str(x) for x in row))
    out.print(grid)


def listing(rows: Sequence[Mapping[str, Any]], *, json: bool, empty: str) -> None:
    """Print rows of the same columns: for a program, for a person, or what is missing.

    `empty` tells a person why there are none, and how to change that.
    """
    if json:
        result(rows)
    elif not rows:
        note(empty)
    else:
        table(list(rows[0]), [list(row.values()) for row in rows])


class Advance(Protocol):
    """Tells a progress bar how much is done, out of how much."""

    def __call__(self, done: int, total: int) -> None: ...


@contextmanager
def progress(label: str) -> Iterator[Advance]:
    """Show a bar on standard error while something long goes on."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as bar:
        task = bar.add_task(label, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
