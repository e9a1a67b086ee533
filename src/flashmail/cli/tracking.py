"""`flashmail unknown`: mails of which nobody knows whether they arrived."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from flashmail.cli.console import AT_THE_COMMAND_LINE, Json
from flashmail.errors import NeedsDecision, WrongInput
from flashmail.model import DeliveryState
from flashmail.reports.undelivered import ASKS_AFTER

events_app = typer.Typer(no_args_is_help=True, help="Judge or erase what readers did.")


@events_app.command()
def reclassify(
    context: typer.Context,
    campaign: Annotated[int | None, typer.Argument(help="All, if not given.")] = None,
    json: Json = False,
) -> None:
    """Judge anew which opens and clicks were people's, by what is kept of each.

    To be run after an update that knows more machines; twice changes nothing more.
    """
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.settings import load
    from flashmail.tracking.engagement import reclassify as judge_anew

    engine = bootstrap.engine(load(context.obj))
    events, changed = judge_anew(engine, campaign)
    if json:
        console.result({"events": events, "changed": changed})
        return
    console.out.print(f"{events:,} opens and clicks, {changed:,} judged otherwise")


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
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.settings import load
    from flashmail.tracking.engagement import erase as erase_past

    settings = load(context.obj)
    keep = timedelta(days=days) if days else bootstrap.engagement_kept(settings)
    if keep is None:
        raise WrongInput("say --days, or set FLASHMAIL_ENGAGEMENT_DAYS")
    count = erase_past(bootstrap.engine(settings), keep=keep, now=datetime.now(UTC))
    if json:
        console.result({"erased": count})
        return
    console.out.print(f"{count:,} opens and clicks are nobody's any more")


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
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.settings import load
    from flashmail.tracking.seeds import seed_results

    settings = load(context.obj)
    if not settings.seeds:
        raise WrongInput("FLASHMAIL_SEEDS is empty: say provider=/path/of/Maildir")
    late_after = timedelta(seconds=settings.seeds_late_after_seconds)
    with reading(bootstrap.engine(settings)) as session:
        found = seed_results(
            session,
            bootstrap.tokens(settings),
            settings.seeds,
            late_after=late_after,
            now=datetime.now(UTC),
        )
    rows = [vars(each) | {"says": each.words} for each in found]
    console.listing(rows, json=json, empty="no urgent campaign went to a seed today")
    alarming = [each for each in found if each.alarming]
    if alarming:
        names = ", ".join(sorted({each.provider for each in alarming}))
        raise NeedsDecision(f"urgent mail is late or among the spam at {names}")


unknown_app = typer.Typer(no_args_is_help=True, help="Mails of which nobody knows.")

Hours = Annotated[int, typer.Option(min=0, help="Unknown for so long at least.")]

HOURS = int(ASKS_AFTER / timedelta(hours=1))


@unknown_app.command("list")
def list_(context: typer.Context, hours: Hours = HOURS, json: Json = False) -> None:
    """List what has been unknown for so long that a person is asked.

    'campaign retry --with-unknown' sends again, at the risk of a second copy; 'unknown
    settle' takes it for sent or failed.
    """
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.reports.undelivered import unknown
    from flashmail.settings import load

    after = timedelta(hours=hours)
    with reading(bootstrap.engine(load(context.obj))) as session:
        found = list(unknown(session, now=datetime.now(UTC), after=after))
    rows = [
        {
            "campaign": each.campaign_id,
            "subject": each.subject,
            "address": each.address,
            "since": each.since.isoformat(timespec="seconds"),
            "reason": each.reason,
        }
        for each in found
    ]
    console.listing(rows, json=json, empty="nothing has been unknown for so long")


@unknown_app.command()
def ask(context: typer.Context, hours: Hours = 0, json: Json = False) -> None:
    """Ask SendGrid what became of each unknown mail, and believe what it tells.

    It needs SendGrid's add-on for activity history, and a key that may read it.
    """
    import httpx2 as httpx

    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import reading, transaction
    from flashmail.reports.undelivered import unknown
    from flashmail.settings import load
    from flashmail.tracking.recording import record
    from flashmail.tracking.sendgrid_activity import ActivityClient, UnknownMail

    settings = load(context.obj)
    if settings.sendgrid_api_key is None:
        raise WrongInput("FLASHMAIL_SENDGRID_API_KEY is not set: nobody can be asked")
    engine, now = bootstrap.engine(settings), datetime.now(UTC)
    with reading(engine) as session:
        found = list(unknown(session, now=now, after=timedelta(hours=hours)))
    settled = 0
    key = settings.sendgrid_api_key.get_secret_value()
    with httpx.Client(
        base_url=settings.sendgrid_url, headers={"Authorization": f"Bearer {key}"}
    ) as client:
        activity = ActivityClient(client, bootstrap.tokens(settings))
        for each in found:
            sought = UnknownMail(each.campaign_id, each.subscriber_id, each.address)
            events = activity.events(sought, now=now)
            with transaction(engine) as session:
                settled += record(session, events) > 0
    if json:
        console.result({"asked": len(found), "settled": settled})
        return
    console.out.print(f"{len(found):,} asked for, {settled:,} known now")


@unknown_app.command()
def settle(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="CAMPAIGN")],
    taken_for: Annotated[
        DeliveryState, typer.Option("--as", help="sent or failed.")
    ] = DeliveryState.SENT,
) -> None:
    """Take a campaign's unknown mails for sent, or for failed. Nothing is sent."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.delivery import intervention
    from flashmail.settings import load

    engine, now = bootstrap.engine(load(context.obj)), datetime.now(UTC)
    with transaction(engine) as session:
        count = intervention.settle(
            session, number, taken_for, by=AT_THE_COMMAND_LINE, now=now
        )
    console.note(f"{count:,} unknown mails are taken for {taken_for}")
