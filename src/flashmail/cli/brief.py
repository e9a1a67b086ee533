"""`flashmail brief`: look at a brief, and at the mail it becomes."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flashmail import bootstrap, briefs
from flashmail.briefs import Brief
from flashmail.cli import say
from flashmail.cli.options import Json
from flashmail.sending.approve import preview

brief_app = typer.Typer(no_args_is_help=True, help="Look at briefs.")

File = Annotated[
    Path, typer.Argument(dir_okay=False, help="A brief: published text or Markdown.")
]


class Format(StrEnum):
    """What a brief can be rendered to."""

    HTML = "html"
    TEXT = "text"
    MJML = "mjml"
    EML = "eml"


MAKERS = {
    Format.HTML: preview.html,
    Format.TEXT: preview.text,
    Format.MJML: preview.mjml,
    Format.EML: preview.eml,
}


def read(home: Path, file: Path) -> Brief:
    """Read a brief file, with the home's topics."""
    names = [topic.name for topic in bootstrap.topics(home)]
    return briefs.read(file.read_bytes(), topics=names, name=file.name)


def show_doubts(brief: Brief) -> None:
    for doubt in brief.doubts:
        where = f"line {doubt.line}: " if doubt.line else ""
        say.note(f"warning: {where}{doubt.message}")


@brief_app.command()
def show(
    context: typer.Context,
    file: File,
    json: Json = False,
) -> None:
    """Say what flashmail understood of a brief, and what it doubts."""
    brief = read(context.obj, file)
    if json:
        say.result(briefs.as_json(brief))
        return
    show_doubts(brief)
    say.out.print(briefs.write_markdown(brief), markup=False)


@brief_app.command()
def render(
    context: typer.Context,
    file: File,
    format: Annotated[Format, typer.Option(help="What to make.")] = Format.HTML,
    template: Annotated[str, typer.Option(help="A folder of templates/.")] = (
        "flash-brief"
    ),
    output: Annotated[Path | None, typer.Option("--output", "-o")] = None,
) -> None:
    """Render a brief as a sample reader would get it."""
    home: Path = context.obj
    brief = read(home, file)
    show_doubts(brief)
    settings = bootstrap.load_or_sample(home)
    rendered = bootstrap.renderer(settings).render(brief, template)
    made = MAKERS[format](
        rendered, bootstrap.sender(settings), bootstrap.links(settings)
    )
    if output is None:
        sys.stdout.buffer.write(made)
    else:
        output.write_bytes(made)
        say.note(f"{output}: {len(made):,} bytes")
