"""flashmail on the command line."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flashmail import __version__
from flashmail.cli.lazy import Lazy, lazy_group
from flashmail.errors import FlashmailError, NeedsDecision, WrongInput

#: What the shell is told: see the README.
OUR_FAULT, WRONG_INPUT, NEEDS_DECISION = 1, 2, 3

STATUS = {NeedsDecision: NEEDS_DECISION, WrongInput: WRONG_INPUT}

#: The commands in the order of the help text: each is imported when it is called.
COMMANDS = {
    "init": Lazy(
        "installation:init",
        "Make what a home needs: .env with a fresh key, topics, segments, the tables.",
    ),
    "serve": Lazy(
        "installation:serve",
        "Run the web pages, the scheduler and a worker, in one process.",
    ),
    "worker": Lazy(
        "installation:worker",
        "Send what is due, beside other workers; ends after the mails on their way.",
    ),
    "adopt": Lazy(
        "installation:adopt",
        "Let this home send after a restore, a move, or as one machine more.",
    ),
    "doctor": Lazy(
        "installation:doctor",
        "Examine settings, the way out, and what the name servers say of the sender.",
    ),
    "demo": Lazy(
        "installation:demo",
        "Import an example roster, send a brief to the outbox, and watch its readers.",
    ),
    "audience": Lazy(
        "audience:audience",
        "Say how many would get a brief, and why: per topic, and who is left out.",
    ),
    "why": Lazy(
        "audience:why",
        "Say why somebody did or did not get a brief, or would or would not now.",
    ),
    "preflight": Lazy(
        "brief:preflight",
        "Say what would go wrong with a brief; exit status 3 where something blocks.",
    ),
    "send": Lazy(
        "send:send",
        "Send a brief to those who follow its topics: now, at a time, or urgently.",
    ),
    "brief": Lazy("brief:brief_app", "Look at briefs."),
    "draft": Lazy("draft:app", "Briefs that are being written."),
    "template": Lazy("brief:template_app", "Look after the templates."),
    "subscribers": Lazy("subscribers:app", "Bring people in, and take them out."),
    "segment": Lazy("audience:segments", "Look at segments."),
    "campaign": Lazy("campaign:app", "Look after campaigns."),
    "staff": Lazy("staff:app", "Who may sign in, and as what."),
    "schedule": Lazy("schedule:app", "Digests that go out again and again."),
    "bounces": Lazy("bounces:app", "Read what came back by mail."),
    "events": Lazy("tracking:events_app", "Judge or erase what readers did."),
    "unknown": Lazy("tracking:unknown_app", "Mails of which nobody knows."),
    "seeds": Lazy("tracking:seeds_app", "Witnesses of urgent mail."),
}

app = typer.Typer(
    cls=lazy_group(COMMANDS),
    name="flashmail",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Flash Briefs, by email, to those who follow their topics.",
)


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
    except Exception as error:
        return _failed(error)
    return 0


def _failed(error: Exception) -> int:
    """Say what went wrong and return the exit status; raise what nobody foresaw."""
    # Only now: the help needs neither the database nor a terminal's colours.
    from sqlalchemy.exc import DBAPIError

    from flashmail.cli.console import note

    if isinstance(error, FlashmailError):
        note(f"error: {error}")
        return next((STATUS[k] for k in STATUS if isinstance(error, k)), OUR_FAULT)
    if isinstance(error, DBAPIError):
        note(f"error: the database cannot be used: {error.orig}")
        return OUR_FAULT
    if isinstance(error, OSError):
        note(f"error: {error.filename}: {error.strerror}")
        return WRONG_INPUT
    raise error
