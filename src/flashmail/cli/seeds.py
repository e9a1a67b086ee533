"""`flashmail seeds`: what mailboxes of our own say of urgent mail."""

from datetime import UTC, datetime, timedelta

import typer

from flashmail import bootstrap
from flashmail.cli import say
from flashmail.cli.options import Json
from flashmail.database import reading
from flashmail.errors import NeedsDecision, WrongInput
from flashmail.settings import load
from flashmail.tracking.seeds import witnesses

seeds_app = typer.Typer(no_args_is_help=True, help="Witnesses of urgent mail.")


@seeds_app.callback()
def options() -> None:
    """Witnesses of urgent mail."""


@seeds_app.command()
def check(
    context: typer.Context,
    json: Json = False,
) -> None:
    """Say how long urgent mail of the last day took into each seed's mailbox.

    Exit status 3 where it is late or lies among the spam. 'flashmail serve' looks every
    minute, and writes alarms into its log.
    """
    settings = load(context.obj)
    if not settings.seeds:
        raise WrongInput("FLASHMAIL_SEEDS is empty: say provider=/path/of/Maildir")
    late_after = timedelta(seconds=settings.seeds_late_after)
    with reading(bootstrap.engine(settings)) as session:
        found = witnesses(
            session,
            bootstrap.tokens(settings),
            settings.seeds,
            late_after=late_after,
            now=datetime.now(UTC),
        )
    rows = [vars(each) | {"says": each.words} for each in found]
    say.listing(rows, json=json, empty="no urgent campaign went to a seed today")
    alarming = [each for each in found if each.alarming]
    if alarming:
        names = ", ".join(sorted({each.provider for each in alarming}))
        raise NeedsDecision(f"urgent mail is late or among the spam at {names}")
