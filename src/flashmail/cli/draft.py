"""`flashmail draft`: briefs that are being written, as in the web page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flashmail.cli.console import AT_THE_COMMAND_LINE, Json
from flashmail.errors import WrongInput

if TYPE_CHECKING:
    from flashmail.model import Draft

app = typer.Typer(no_args_is_help=True, help="Briefs that are being written.")

Number = Annotated[int, typer.Argument(help="The draft's number.")]


@app.command("list")
def list_all(
    context: typer.Context,
    words: Annotated[str, typer.Argument(help="Only those with these words.")] = "",
    discarded: Annotated[
        bool, typer.Option("--discarded", help="Those that were put away.")
    ] = False,
    json: Json = False,
) -> None:
    """List drafts, the one changed last first."""
    from sqlmodel import col

    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.drafts import editing
    from flashmail.model import Draft
    from flashmail.settings import load

    engine = bootstrap.engine(load(context.obj))
    latest = editing.drafts(words, discarded=discarded).order_by(
        col(Draft.changed_at).desc(), col(Draft.id).desc()
    )
    with reading(engine) as session:
        rows = [_row(each) for each in session.exec(latest)]
    console.listing(
        rows, json=json, empty="no drafts; 'flashmail draft new FILE' makes one"
    )


@app.command()
def new(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A file, or the address of a page.")],
    json: Json = False,
) -> None:
    """Begin a draft from published text, Markdown, a .docx or a page of the web."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.drafts import editing
    from flashmail.drafts.sources import DraftSource, create_draft_from
    from flashmail.settings import load

    engine = bootstrap.engine_with_topics(load(context.obj))
    source = DraftSource(url=file)
    if not file.startswith(("http://", "https://")):
        source = DraftSource().with_file(Path(file).name, Path(file).read_bytes())
    with transaction(engine) as session:
        draft_id = create_draft_from(
            session, source, by=AT_THE_COMMAND_LINE, now=datetime.now(UTC)
        )
        doubts = editing.find(session, draft_id).warnings
    for doubt in doubts:
        console.note(f"warning: line {doubt['line']}: {doubt['message']}")
    if json:
        console.result({"draft": draft_id, "doubts": doubts})
    else:
        console.note(f"draft {draft_id}")


@app.command()
def show(context: typer.Context, number: Number, json: Json = False) -> None:
    """Show a draft as it is now, and what is open about it."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.drafts import editing
    from flashmail.settings import load

    engine = bootstrap.engine(load(context.obj))
    with reading(engine) as session:
        draft = editing.find(session, number)
        read = editing.read(session, draft.markdown)
    if json:
        console.result(
            _row(draft) | {"markdown": draft.markdown, "doubts": draft.warnings}
        )
        return
    if read.problem:
        console.note(f"warning: this is no brief yet: {read.problem}")
    for doubt in draft.warnings:
        console.note(
            f"warning: line {doubt['line']} of what came in: {doubt['message']}"
        )
    for each in read.doubts:
        console.note(f"warning: line {each.line}: {each.message}")
    console.out.print(draft.markdown, markup=False)


@app.command()
def approve(
    context: typer.Context,
    number: Number,
    by: Annotated[str, typer.Option(help="Who said that these are the words.")],
    person: Annotated[str, typer.Option(help="Only quotes of this person.")] = "",
) -> None:
    """Note that somebody stands by the draft's quotes, word for word."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.drafts import editing, quote_approvals
    from flashmail.settings import load

    engine = bootstrap.engine(load(context.obj))
    with transaction(engine) as session:
        draft = editing.find(session, number)
        brief = editing.read(session, draft.markdown).brief
        quotes = (
            [each for each in brief.quotes if person in {"", each.person}]
            if brief
            else []
        )
        if not quotes:
            raise WrongInput(f"draft {number} has no such quote")
        for quote in quotes:
            quote_approvals.approve(
                session,
                number,
                quote,
                by,
                by=AT_THE_COMMAND_LINE,
                now=datetime.now(UTC),
            )
    console.note(f"approved by {by}: {len(quotes)}")


def _row(draft: Draft) -> dict[str, object]:
    return {
        "draft": draft.id,
        "title": draft.title,
        "version": draft.version,
        "changed": f"{draft.changed_at:%Y-%m-%d %H:%M} UTC",
        "by": draft.changed_by,
        "open": len(draft.warnings),
    }
