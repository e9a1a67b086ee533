"""`flashmail preflight`: what would go wrong with a brief, before it is sent."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flashmail.cli.console import At, Json, Template, ToSegment, Urgent
from flashmail.errors import NeedsDecision, WrongInput

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from flashmail.briefs import Brief
    from flashmail.campaigns.content import MailKit
    from flashmail.findings import Finding

brief_app = typer.Typer(no_args_is_help=True, help="Look at briefs.")

File = Annotated[
    Path, typer.Argument(dir_okay=False, help="A brief: published text or Markdown.")
]


class RenderFormat(StrEnum):
    """What a brief can be rendered to."""

    HTML = "html"
    TEXT = "text"
    MJML = "mjml"
    EML = "eml"


def read(home: Path, file: Path) -> Brief:
    """Read a brief file, with the home's topics."""
    from flashmail import bootstrap, briefs

    names = [topic.name for topic in bootstrap.topics(home)]
    return briefs.read(file.read_bytes(), topics=names, name=file.name)


def show_doubts(brief: Brief) -> None:
    from flashmail.cli import console

    for doubt in brief.doubts:
        where = f"line {doubt.line}: " if doubt.line else ""
        console.note(f"warning: {where}{doubt.message}")


@brief_app.command()
def show(
    context: typer.Context,
    file: File,
    json: Json = False,
) -> None:
    """Say what flashmail understood of a brief, and what it doubts."""
    from flashmail import briefs
    from flashmail.cli import console

    brief = read(context.obj, file)
    if json:
        console.result(briefs.as_json(brief))
        return
    show_doubts(brief)
    console.out.print(briefs.write_markdown(brief), markup=False)


@brief_app.command()
def render(
    context: typer.Context,
    file: File,
    format: Annotated[
        RenderFormat, typer.Option(help="What to make.")
    ] = RenderFormat.HTML,
    template: Annotated[str, typer.Option(help="A folder of templates/.")] = (
        "flash-brief"
    ),
    output: Annotated[Path | None, typer.Option("--output", "-o")] = None,
) -> None:
    """Render a brief as a sample reader would get it."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.review import preview

    home: Path = context.obj
    brief = read(home, file)
    show_doubts(brief)
    settings = bootstrap.load_or_sample(home)
    rendered = bootstrap.renderer(settings).render(brief, template)
    made = getattr(preview, format.value)(
        rendered, bootstrap.sender(settings), bootstrap.links(settings)
    )
    if output is None:
        sys.stdout.buffer.write(made)
    else:
        output.write_bytes(made)
        console.note(f"{output}: {len(made):,} bytes")


def preflight(
    context: typer.Context,
    file: File,
    segment: ToSegment = "",
    at: At = "",
    urgent: Urgent = False,
    template: Template = "",
    links: Annotated[
        bool, typer.Option(help="Follow the links, to see whether they are alive.")
    ] = True,
    json: Json = False,
) -> None:
    """Say what would go wrong with a brief; exit status 3 where something blocks."""
    from flashmail import bootstrap
    from flashmail.audience.segment import Segment
    from flashmail.briefs.dates import parse_moment
    from flashmail.briefs.decoding import decode
    from flashmail.database import reading
    from flashmail.model import Priority
    from flashmail.review.preflight import PreflightContext, check_draft

    home: Path = context.obj
    now = datetime.now(UTC)
    brief = read(home, file)
    show_doubts(brief)
    settings = bootstrap.load_or_sample(home)
    kit, engine = bootstrap.mail_kit(settings), bootstrap.engine_with_topics(settings)
    if links:
        _follow(engine, kit, brief, now)
    chosen = (
        bootstrap.segment(home, segment, engine)
        if segment
        else Segment(any=brief.topics)
    )
    around = PreflightContext(
        postal_address=kit.postal_address,
        markdown=decode(file.read_bytes())[0],
        embargo_until=brief.embargo,
        peopled=settings.database_url != bootstrap.IN_MEMORY,
        from_file=True,
    )
    with reading(engine) as session:
        found = check_draft(
            session,
            kit,
            brief,
            chosen,
            around,
            now=now,
            moment=parse_moment(at, now=now) if at else None,
            priority=Priority.URGENT if urgent else Priority.NORMAL,
            template=template,
        )
    _say(found, json=json)


def _follow(engine: Engine, kit: MailKit, brief: Brief, now: datetime) -> None:
    from flashmail.campaigns import link_checks
    from flashmail.review.preflight import have_links_followed

    have_links_followed(engine, kit, brief, now=now)
    link_checks.run_checks(engine)


def _say(found: Sequence[Finding], *, json: bool) -> None:
    from flashmail.cli import console

    if json:
        console.result([each.as_json() for each in found])
    for each in () if json else found:
        where = f" ({each.where})" if each.where else ""
        code = f" [{each.code}]" if each.blocks else ""
        console.out.print(f"{each.level}: {each.message}{where}{code}", markup=False)
    blocking = sum(each.blocks for each in found)
    if blocking:
        raise NeedsDecision(f"{blocking} to mend before it goes out")
    console.note("nothing stands in the way")


template_app = typer.Typer(no_args_is_help=True, help="Look after the templates.")


@template_app.command("list")
def list_all(context: typer.Context) -> None:
    """Name the templates that can be used."""
    from flashmail import bootstrap
    from flashmail.cli import console

    renderer = bootstrap.renderer(bootstrap.load_or_sample(context.obj))
    for name in renderer.names():
        console.out.print(name)


@template_app.command()
def check(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="All, if none.")] = None,
    json: Json = False,
) -> None:
    """Find what is wrong in templates, before a reader does."""
    from flashmail import bootstrap
    from flashmail.cli import console

    renderer = bootstrap.renderer(bootstrap.load_or_sample(context.obj))
    found = [
        finding
        for name in names or renderer.names()
        for finding in renderer.check(name)
    ]
    if json:
        console.result([vars(each) for each in found])
    for each in () if json else found:
        console.out.print(
            f"{each.file}:{each.line}: {each.severity}: {each.message}", markup=False
        )
    errors = sum(each.severity == "error" for each in found)
    if errors:
        raise WrongInput(f"{errors} to mend")
    console.note("nothing to mend" if not found else "nothing that has to be mended")
