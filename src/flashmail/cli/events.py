"""`flashmail events`: what readers did, judged anew, or erased."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from flashmail import bootstrap
from flashmail.cli import say
from flashmail.cli.options import Json
from flashmail.errors import WrongInput
from flashmail.settings import load
from flashmail.tracking.judge import relabel as judge_anew
from flashmail.tracking.totals import erase as erase_past

events_app = typer.Typer(no_args_is_help=True, help="Judge or erase what readers did.")


@events_app.command()
def relabel(
    context: typer.Context,
    campaign: Annotated[int | None, typer.Argument(help="All, if not given.")] = None,
    json: Json = False,
) -> None:
    """Judge anew which opens and clicks were people's, by what is kept of each.

    To be run after an update that knows more machines; twice changes nothing more.
    """
    engine = bootstrap.engine(load(context.obj))
    events, changed = judge_anew(engine, campaign)
    if json:
        say.result({"events": events, "changed": changed})
        return
    say.out.print(f"{events:,} opens and clicks, {changed:,} judged otherwise")


@events_app.command()
def erase(
    context: typer.Context,
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Else what FLASHMAIL_ENGAGEMENT_DAYS says."),
    ] = None,
    json: Json = False,
) -> None:
    """Erase who opened and clicked what in campaigns so many days old; totals stay.

    'flashmail serve' does so by itself.
    """
    settings = load(context.obj)
    keep = timedelta(days=days) if days else bootstrap.engagement_kept(settings)
    if keep is None:
        raise WrongInput("say --days, or set FLASHMAIL_ENGAGEMENT_DAYS")
    count = erase_past(bootstrap.engine(settings), keep=keep, now=datetime.now(UTC))
    if json:
        say.result({"erased": count})
        return
    say.out.print(f"{count:,} opens and clicks are nobody's any more")
