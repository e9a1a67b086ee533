"""flashmail on the command line."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from flashmail import __version__
from flashmail.cli import (
    audience,
    bounces,
    brief,
    campaign,
    correct,
    draft,
    installation,
    schedule,
    send,
    staff,
    subscribers,
    tracking,
)
from flashmail.cli import brief as preflight
from flashmail.cli import brief as template
from flashmail.cli.console import note
from flashmail.errors import FlashmailError, NeedsDecision, WrongInput

#: What the shell is told: see the README.
OUR_FAULT, WRONG_INPUT, NEEDS_DECISION = 1, 2, 3

STATUS = {NeedsDecision: NEEDS_DECISION, WrongInput: WRONG_INPUT}

app = typer.Typer(
    name="flashmail",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Flash Briefs, by email, to those who follow their topics.",
)


app.add_typer(brief.brief_app, name="brief")


app.add_typer(draft.app, name="draft")


app.add_typer(template.template_app, name="template")


app.add_typer(subscribers.app, name="subscribers")


app.add_typer(audience.segments, name="segment")


app.add_typer(campaign.app, name="campaign")


app.add_typer(staff.app, name="staff")


app.add_typer(schedule.app, name="schedule")


app.add_typer(bounces.app, name="bounces")


app.add_typer(tracking.events_app, name="events")


app.add_typer(tracking.unknown_app, name="unknown")


app.add_typer(tracking.seeds_app, name="seeds")


for each in (correct.prepare, correct.dry_run, correct.correct, correct.retract):
    campaign.app.command()(each)


app.command("audience")(audience.audience)


app.command("why")(audience.why)


app.command("preflight")(preflight.preflight)


app.command("send")(send.send)


app.command("init")(installation.init)


app.command("serve")(installation.serve)


app.command("adopt")(installation.adopt)


app.command("worker")(installation.worker)


app.command("doctor")(installation.doctor)


app.command("demo")(installation.demo)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"flashmail {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            envvar="FLASHMAIL_HOME",
            file_okay=False,
            help="Where .env, templates/, subscribers/, database and outbox lie.",
        ),
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Flash Briefs, by email, to those who follow their topics."""
    context.obj = home or Path()


def main() -> None:
    """Run the command that the shell asked for."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command and return its exit status; say in a line what went wrong."""
    try:
        app(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else OUR_FAULT
    except OSError as error:
        note(f"error: {error.filename}: {error.strerror}")
        return WRONG_INPUT
    except DBAPIError as error:
        note(f"error: the database cannot be used: {error.orig}")
        return OUR_FAULT
    except FlashmailError as error:
        note(f"error: {error}")
        return next(
            (status for kind, status in STATUS.items() if isinstance(error, kind)),
            OUR_FAULT,
        )
    return 0
