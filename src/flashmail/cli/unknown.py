"""`flashmail unknown`: mails of which nobody knows whether they arrived."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import httpx2 as httpx
import typer

from flashmail import bootstrap
from flashmail.cli import say
from flashmail.cli.options import Json
from flashmail.cli.send import AT_THE_COMMAND_LINE
from flashmail.database import reading, transaction
from flashmail.errors import WrongInput
from flashmail.model import DeliveryState
from flashmail.reports.unknown import ASKS_AFTER, unknown
from flashmail.sending.engine import settle as sending
from flashmail.settings import load
from flashmail.tracking.record import record
from flashmail.tracking.sendgrid_activity import Activity, Sought

unknown_app = typer.Typer(no_args_is_help=True, help="Mails of which nobody knows.")

Hours = Annotated[int, typer.Option(min=0, help="Unknown for so long at least.")]

HOURS = int(ASKS_AFTER / timedelta(hours=1))


@unknown_app.command("list")
def list_(context: typer.Context, hours: Hours = HOURS, json: Json = False) -> None:
    """List what has been unknown for so long that a person is asked.

    'campaign retry --with-unknown' sends again, at the risk of a second copy; 'unknown
    settle' takes it for sent or failed.
    """
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
    say.listing(rows, json=json, empty="nothing has been unknown for so long")


@unknown_app.command()
def ask(context: typer.Context, hours: Hours = 0, json: Json = False) -> None:
    """Ask SendGrid what became of each unknown mail, and believe what it tells.

    It needs SendGrid's add-on for activity history, and a key that may read it.
    """
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
        activity = Activity(client, bootstrap.tokens(settings))
        for each in found:
            sought = Sought(each.campaign_id, each.subscriber_id, each.address)
            events = activity.events(sought, now=now)
            with transaction(engine) as session:
                settled += record(session, events) > 0
    if json:
        say.result({"asked": len(found), "settled": settled})
        return
    say.out.print(f"{len(found):,} asked for, {settled:,} known now")


@unknown_app.command()
def settle(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="CAMPAIGN")],
    taken_for: Annotated[
        DeliveryState, typer.Option("--as", help="sent or failed.")
    ] = DeliveryState.SENT,
) -> None:
    """Take a campaign's unknown mails for sent, or for failed. Nothing is sent."""
    engine, now = bootstrap.engine(load(context.obj)), datetime.now(UTC)
    with transaction(engine) as session:
        count = sending.settle(
            session, number, taken_for, who=AT_THE_COMMAND_LINE, now=now
        )
    say.note(f"{count:,} unknown mails are taken for {taken_for}")
