"""How soon the command line answers, against no more than what a command uses.

Each is a process of its own: the reference imports the same libraries and does nothing.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Cost, Figure, Goal, by_clock, in_turns, timed
from benchmarks.run import Run

GOAL = Goal(ratio=0.5)

COMMAND = (sys.executable, "-m", "flashmail")

#: An application of two commands, which says its help.
TWO = """
import typer
app = typer.Typer()
app.command("one")(lambda: None)
app.command("two")(lambda: None)
app(["--help"])
"""

TERMINAL = "import typer, rich.console, rich.table, flashmail.settings\n"

BRIEF = TERMINAL + "import flashmail.briefs, flashmail.audience.topics\n"

LISTED = TERMINAL + "import sqlmodel, flashmail.model, flashmail.database\n"

EXAMPLE = Path(__file__).parents[1] / "src" / "flashmail" / "demo" / "brief.md"


def figures(run: Run) -> Iterator[Figure]:
    with TemporaryDirectory() as folder:
        home = ("--home", folder)
        _call([*COMMAND, *home, "init"])
        yield _figure("--help", ["--help"], TWO, "an app of two commands", run)
        shown = [*home, "brief", "show", str(EXAMPLE)]
        yield _figure("brief show", shown, BRIEF, "importing what it uses", run)
        listed = [*home, "campaign", "list"]
        yield _figure("campaign list", listed, LISTED, "importing what it uses", run)


def _figure(
    name: str, arguments: Sequence[str], reference: str, against: str, run: Run
) -> Figure:
    costs = in_turns(
        {
            "ours": partial(_cost, [*COMMAND, *arguments]),
            "reference": partial(_cost, [sys.executable, "-c", reference]),
        },
        run.rounds,
    )
    return by_clock(
        f"start of {name}", against, costs["ours"], costs["reference"], goal=GOAL
    )


def _cost(command: Sequence[str]) -> Cost:
    return timed(partial(_call, command))


def _call(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)
