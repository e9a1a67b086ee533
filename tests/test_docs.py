"""The documents: what they point to is there, and what they say can be typed."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from flashmail.cli import app

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("templates/*.md")]
)
COMMANDS = re.findall(
    r"^    flashmail (.+)$", (ROOT / "README.md").read_text(), re.MULTILINE
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_to_is_there(page: Path) -> None:
    text = page.read_text()
    targets = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'src="([^"]+)"', text)

    for target in targets:
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_is_one(line: str) -> None:
    command: Any = typer.main.get_command(app)
    words = line.split("#")[0].split()
    options = [word for word in words if word.startswith("--")]

    for word in words:
        if isinstance(command, TyperGroup):
            context = typer.Context(command)
            if word in command.list_commands(context):
                _, command, _ = command.resolve_command(context, [word])

    known = {name for parameter in command.params for name in parameter.opts}
    assert not isinstance(command, TyperGroup), "it names a whole command"
    assert set(options) <= known
