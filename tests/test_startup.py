"""The command line answers at once: it imports what a command needs when it runs."""

import subprocess
import sys

import pytest
import typer
from typer.main import get_command

from flashmail.cli import COMMANDS, app
from flashmail.cli.campaign import REVIEW
from flashmail.cli.lazy import Lazy

#: What `--help` has no use for.
HEAVY = (
    *("sqlalchemy", "sqlmodel", "alembic", "pydantic", "fastapi", "uvicorn"),
    *("sendgrid", "mjml", "procrastinate", "authlib", "httpx2", "apscheduler"),
)


def imported(*arguments: str) -> set[str]:
    """Return the modules that a call of the command line imports."""
    program = (
        "import sys; from flashmail.cli import run; run(sys.argv[1:]);"
        "print('modules', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.rpartition("modules ")[2].split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_imports_no_library_but_the_terminals(arguments: tuple[str, ...]) -> None:
    assert imported(*arguments).isdisjoint(HEAVY)


def test_looking_at_campaigns_loads_no_server_and_no_provider() -> None:
    heavy = {"fastapi", "uvicorn", "sendgrid", "mjml", "alembic", "procrastinate"}

    assert imported("campaign", "--help").isdisjoint(heavy)


@pytest.mark.parametrize(
    ("name", "lazy"), [*COMMANDS.items(), *REVIEW.items()], ids=lambda each: str(each)
)
def test_the_help_says_what_the_command_says(name: str, lazy: Lazy) -> None:
    said = (lazy.load(name).help or "").strip().split("\n\n")[0]

    assert " ".join(said.split()) == lazy.help


def test_every_command_is_listed() -> None:
    command = get_command(app)
    context = typer.Context(command)

    assert command.list_commands(context) == list(COMMANDS)  # type: ignore[attr-defined]
