"""`flashmail preflight`: what would go wrong with a brief, before it is sent."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from flashmail import bootstrap
from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.briefs.decode import decode
from flashmail.cli import say
from flashmail.cli.brief import File, read, show_doubts
from flashmail.cli.options import At, Json, Template, ToSegment, Urgent
from flashmail.database import reading
from flashmail.errors import NeedsDecision
from flashmail.model import Priority
from flashmail.rendering.finding import Finding
from flashmail.sending.approve import link_checks
from flashmail.sending.approve.moment import parse_moment
from flashmail.sending.approve.preflight import (
    Surroundings,
    have_links_followed,
    look_ahead,
)
from flashmail.sending.approve.press import Press


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
    home: Path = context.obj
    now = datetime.now(UTC)
    brief = read(home, file)
    show_doubts(brief)
    settings = bootstrap.load_or_sample(home)
    press, engine = bootstrap.press(settings), bootstrap.engine_with_topics(settings)
    if links:
        _follow(engine, press, brief, now)
    chosen = (
        bootstrap.segment(home, segment, engine)
        if segment
        else Segment(any=brief.topics)
    )
    around = Surroundings(
        postal_address=press.postal_address,
        markdown=decode(file.read_bytes())[0],
        embargo_until=brief.embargo,
        peopled=settings.database_url != bootstrap.IN_MEMORY,
        from_file=True,
    )
    with reading(engine) as session:
        found = look_ahead(
            session,
            press,
            brief,
            chosen,
            around,
            now=now,
            moment=parse_moment(at, now=now) if at else None,
            priority=Priority.URGENT if urgent else Priority.NORMAL,
            template=template,
        )
    _say(found, json=json)


def _follow(engine: Engine, press: Press, brief: Brief, now: datetime) -> None:
    have_links_followed(engine, press, brief, now=now)
    link_checks.follow_asked(engine)


def _say(found: Sequence[Finding], *, json: bool) -> None:
    if json:
        say.result([each.as_json() for each in found])
    for each in () if json else found:
        where = f" ({each.where})" if each.where else ""
        code = f" [{each.code}]" if each.blocks else ""
        say.out.print(f"{each.level}: {each.message}{where}{code}", markup=False)
    blocking = sum(each.blocks for each in found)
    if blocking:
        raise NeedsDecision(f"{blocking} to mend before it goes out")
    say.note("nothing stands in the way")
