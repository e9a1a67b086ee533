"""`flashmail campaign`: what became of what was sent, and what to do about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from flashmail.cli.console import AT_THE_COMMAND_LINE, Json, Number
from flashmail.cli.lazy import Lazy, lazy_group

if TYPE_CHECKING:
    from sqlmodel import Session

    from flashmail.model import Campaign
    from flashmail.reports import campaign as reports

#: What is done before and after a campaign: imported when it is called.
REVIEW = {
    "prepare": Lazy(
        "correct:prepare",
        "Freeze a draft as a campaign, for somebody to approve in the pages.",
    ),
    "dry-run": Lazy(
        "correct:dry_run", "Do all but send a campaign, and say who would get it."
    ),
    "correct": Lazy(
        "correct:correct",
        "Stop a campaign: the mended brief to the rest, a correction to who got it.",
    ),
    "retract": Lazy(
        "correct:retract", "Stop a campaign, and take its brief back from who got it."
    ),
}

app = typer.Typer(
    cls=lazy_group(REVIEW), no_args_is_help=True, help="Look after campaigns."
)

#: How many campaigns a list shows.
LATEST = 50


@app.command("list")
def list_latest(context: typer.Context, json: Json = False) -> None:
    """List the latest campaigns."""
    from sqlmodel import col, select

    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.model import Campaign
    from flashmail.settings import load

    engine = bootstrap.engine(load(context.obj))
    with reading(engine) as session:
        latest = select(Campaign).order_by(col(Campaign.id).desc()).limit(LATEST)
        rows = [_line(each) for each in session.exec(latest)]
    empty = "there are no campaigns yet; 'flashmail send FILE' makes one"
    console.listing(rows, json=json, empty=empty)


def _line(campaign: Campaign) -> dict[str, object]:
    return {
        "campaign": campaign.id,
        "status": campaign.status.value,
        "send_at": _time(campaign.send_at),
        "subject": campaign.subject,
    }


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z" if moment else ""


@app.command()
def show(context: typer.Context, number: Number, json: Json = False) -> None:
    """Show a campaign: what, to whom, when, approved by whom."""
    from flashmail import bootstrap
    from flashmail.campaigns import lifecycle
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.settings import load

    engine = bootstrap.engine(load(context.obj))
    with reading(engine) as session:
        campaign = lifecycle.get_campaign(session, number)
    facts = _line(campaign) | {
        "template": campaign.template,
        "topics": ", ".join(campaign.topics),
        "audience": campaign.audience,
        "approved_by": campaign.approved_by,
        "approved_at": _time(campaign.approved_at),
        "content": campaign.content_hash,
        "note": campaign.note,
    }
    if json:
        console.result(facts)
        return
    for name, value in facts.items():
        console.out.print(f"{name + ':':<13}{value}", markup=False)


class Action(Protocol):
    """Something that can be done to a campaign."""

    def __call__(
        self, session: Session, campaign_id: int, *, by: str, now: datetime
    ) -> None: ...


def _do(context: typer.Context, number: int, action: Action, done: str) -> None:
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.settings import load

    engine = bootstrap.engine(load(context.obj))
    with transaction(engine) as session:
        action(session, number, by=AT_THE_COMMAND_LINE, now=datetime.now(UTC))
    console.note(f"campaign {number} {done}")


@app.command()
def pause(context: typer.Context, number: Number) -> None:
    """Stop sending after the batches in hand."""
    from flashmail.campaigns import lifecycle

    _do(context, number, lifecycle.pause, "is paused; 'resume' lets it go on")


@app.command()
def resume(context: typer.Context, number: Number) -> None:
    """Go on where a paused campaign stopped."""
    from flashmail.campaigns import lifecycle

    _do(context, number, lifecycle.resume, "goes on")


@app.command()
def reschedule(
    context: typer.Context,
    number: Number,
    at: Annotated[
        str, typer.Option(help="A time with its zone; without one, now.")
    ] = "",
) -> None:
    """Let a missed campaign go after all: at a time, or now."""
    from flashmail import bootstrap
    from flashmail.briefs.dates import parse_moment
    from flashmail.campaigns import lifecycle
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.settings import load

    now = datetime.now(UTC)
    moment = parse_moment(at, now=now) if at else now
    engine = bootstrap.engine(load(context.obj))
    with transaction(engine) as session:
        who = AT_THE_COMMAND_LINE
        lifecycle.schedule(session, number, moment, by=who, now=now)
    console.note(f"campaign {number} is scheduled; 'serve' or 'worker' sends it")


@app.command()
def wait(context: typer.Context, number: Number) -> None:
    """Send from here, and wait for a campaign's end."""
    from flashmail import bootstrap
    from flashmail.cli.send import wait_for
    from flashmail.settings import load

    settings = load(context.obj)
    made = bootstrap.worker(settings, bootstrap.engine(settings))
    wait_for(made, number)


@app.command()
def cancel(context: typer.Context, number: Number) -> None:
    """Send nothing more of a campaign, for good."""
    from flashmail.campaigns import lifecycle

    _do(context, number, lifecycle.cancel, "is cancelled")


@app.command()
def retry(
    context: typer.Context,
    number: Number,
    unknown: Annotated[
        bool,
        typer.Option("--unknown", help="Also what may have arrived: a second copy."),
    ] = False,
) -> None:
    """Try again what failed, but not because of the address."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.delivery import intervention
    from flashmail.settings import load

    engine = bootstrap.engine(load(context.obj))
    with transaction(engine) as session:
        count = intervention.retry(
            session,
            number,
            unknown=unknown,
            by=AT_THE_COMMAND_LINE,
            now=datetime.now(UTC),
        )
    console.note(
        f"{count:,} deliveries are queued again" if count else "nothing to retry"
    )


@app.command()
def report(context: typer.Context, number: Number, json: Json = False) -> None:
    """Tell how a campaign did; the states add up to everyone who was addressed."""
    from flashmail import bootstrap
    from flashmail.campaigns import lifecycle
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.reports import campaign as reports
    from flashmail.settings import load

    settings = load(context.obj)
    with reading(bootstrap.engine(settings)) as session:
        found = lifecycle.get_campaign(session, number)
        told = reports.report(session, found, tracking=settings.tracking)
    if json:
        console.result(told.as_json())
        return
    show_report(told)


def show_report(told: reports.Report) -> None:
    """Print a campaign's deliveries, what people did, and the links they followed."""
    from flashmail.cli import console
    from flashmail.cli.send import show as show_states
    from flashmail.model import EventKind

    show_states(told)
    shown = (
        EventKind.OPENED,
        EventKind.CLICKED,
        EventKind.UNSUBSCRIBED,
        EventKind.COMPLAINED,
    )
    console.table(
        ["people who", ""], [(kind.value, told.people[kind]) for kind in shown]
    )
    for deed, who in told.readers.items():
        if share := who.share_of(told.watched):
            people = _range(f"{who.human:,}", f"{who.most:,}")
            shares = _range(f"{share[0]:.1%}", f"{share[1]:.1%}")
            machines = f", and {who.machine:,} only by machines" if who.machine else ""
            console.out.print(f"{deed} by {people} people ({shares}){machines}")
    if other := told.people[EventKind.OTHER]:
        console.out.print(f"events of types that are not known, of people: {other:,}")
    if told.unwatched:
        console.out.print(f"not watched: {told.unwatched:,}")
    if told.links:
        rows = [(e.url, e.people, e.clicks, e.machine) for e in told.links]
        console.table(["link", "people", "clicks", "by machines"], rows)


def _range(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"


@app.command()
def deliveries(context: typer.Context, number: Number, json: Json = False) -> None:
    """List every delivery of a campaign: address, state, reason, attempts."""
    from flashmail import bootstrap
    from flashmail.campaigns import lifecycle
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.reports import campaign as reports
    from flashmail.settings import load

    engine = bootstrap.engine(load(context.obj))
    with reading(engine) as session:
        lifecycle.get_campaign(session, number)
        for row in reports.deliveries(session, number):
            if json:
                console.result(row)
            else:
                console.out.print(
                    f"{row['address']:<40} {row['state']:<10} {row['reason']}",
                    markup=False,
                )
