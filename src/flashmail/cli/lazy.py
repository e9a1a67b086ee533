"""Commands that are imported when they are called, so that the help comes at once.

Importing everything that some command may need takes fifteen times as long as typer
itself. A group knows the name and the help of its commands; a test holds both against
the commands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group


@dataclass(frozen=True)
class Lazy:
    """A command or group to be imported: `module:attribute` of this package."""

    target: str
    help: str

    def load(self, name: str) -> Any:
        """Import the command and return it as typer runs it."""
        module, _, attribute = self.target.partition(":")
        found = getattr(import_module(f"flashmail.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            group = get_group(found)
            group.name = name
            return group
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(name)(found)
        return get_command(alone)


def lazy_group(commands: Mapping[str, Lazy]) -> type[TyperGroup]:
    """Return a class of group with these commands, beside those registered with it."""

    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return [*super().list_commands(ctx), *commands]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """Return what the help says of a command: a name and a line."""
            if cmd_name not in commands:
                return super().get_command(ctx, cmd_name)
            return TyperCommand(cmd_name, help=commands[cmd_name].help)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            """Return the command itself: it is about to run, or to be completed."""
            name, command, rest = super().resolve_command(ctx, args)
            if name in commands:
                command = commands[str(name)].load(str(name))
            return name, command, rest

    return LazyGroup
