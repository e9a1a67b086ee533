"""`flashmail audience` and `flashmail segment`: who would get it, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flashmail.cli.console import Json
from flashmail.errors import WrongInput

if TYPE_CHECKING:
    from flashmail.audience.selection import AudienceCount

segments = typer.Typer(no_args_is_help=True, help="Look at segments.")


def audience(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="A brief.")
    ] = None,
    segment: Annotated[str, typer.Option(help="Instead of a brief's topics.")] = "",
    urgent: Annotated[
        bool, typer.Option("--urgent", help="With those who want urgent ones only.")
    ] = False,
    json: Json = False,
) -> None:
    """Say how many would get a brief, and why: per topic, and who is left out."""
    from flashmail import bootstrap
    from flashmail.audience.segment import Segment
    from flashmail.audience.selection import count
    from flashmail.cli import console
    from flashmail.cli.brief import read
    from flashmail.database import reading
    from flashmail.settings import load

    home: Path = context.obj
    if (file is None) == (not segment):
        raise WrongInput("name a brief or a --segment, one of the two")
    engine = bootstrap.engine_with_topics(load(home))
    chosen = (
        bootstrap.segment(home, segment, engine)
        if file is None
        else Segment(any=read(home, file).topics)
    )
    with reading(engine) as session:
        counted = count(session, chosen, urgent=urgent)
    if json:
        console.result(counted.as_json())
        return
    show(counted)


def why(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Somebody's address.")],
    file: Annotated[Path, typer.Argument(dir_okay=False, help="A brief.")],
    urgent: Annotated[
        bool, typer.Option("--urgent", help="As if it were sent urgently.")
    ] = False,
    json: Json = False,
) -> None:
    """Say why somebody did or did not get a brief, or would or would not now."""
    from flashmail import bootstrap, briefs
    from flashmail.audience.segment import Segment
    from flashmail.campaigns import briefs as stored
    from flashmail.cli import console
    from flashmail.cli.brief import read
    from flashmail.database import reading
    from flashmail.digests.schedules import NONE, is_covered
    from flashmail.reports.subscriber import fate
    from flashmail.settings import load
    from flashmail.subscribers import explain

    home: Path = context.obj
    brief = read(home, file)
    engine = bootstrap.engine_with_topics(load(home))
    with reading(engine) as session:
        sent = stored.campaigns_with_text(session, briefs.write_markdown(brief))
        past = [fate(session, each, address) for each in sent]
        now = explain.explain(
            session,
            address,
            Segment(any=brief.topics),
            urgent=urgent,
            now=datetime.now(UTC),
        )
        if not is_covered(session, now.path, address, brief.topics):
            now = replace(now, words=f"{now.words}, {NONE}")
    if json:
        console.result({"past": past, "included": now.included, "reason": now.words})
        return
    for each in past:
        console.out.print(
            f"campaign {each['campaign']}: {each['state']} {each['reason']}"
        )
    console.out.print(
        f"{'would' if now.included else 'would not'} get it now: {now.words}"
    )


def show(counted: AudienceCount) -> None:
    """Print how many are meant, and how many are left out for which reason."""
    from flashmail.cli import console

    console.out.print(f"{counted.total:,} would get it")
    if counted.topics:
        console.table(["followers of", "people"], list(counted.topics.items()))
    if any(counted.left_out.values()):
        left_out = [row for row in counted.left_out.items() if row[1]]
        console.table(["left out", "people"], left_out)


@segments.command("list")
def list_all(
    context: typer.Context,
    json: Json = False,
) -> None:
    """List the segments with the number of people each means now."""
    from flashmail import bootstrap
    from flashmail.audience.selection import count
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.settings import load

    home: Path = context.obj
    engine = bootstrap.engine_with_topics(load(home))
    known = bootstrap.segments(home, engine)
    with reading(engine) as session:
        counts = {
            name: count(session, segment).total for name, segment in known.items()
        }
    if json:
        console.result([{"name": name, "count": n} for name, n in counts.items()])
        return
    console.table(["segment", "people"], list(counts.items()))


@segments.command("count")
def count_one(
    context: typer.Context,
    name: str,
    json: Json = False,
) -> None:
    """Say how many people a segment means now."""
    audience(context, segment=name, json=json)
