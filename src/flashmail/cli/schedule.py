"""`flashmail schedule`: digests that go out again and again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, available_timezones

import typer

from flashmail.cli.console import AT_THE_COMMAND_LINE, Json
from flashmail.errors import WrongInput
from flashmail.model import Frequency

if TYPE_CHECKING:
    from sqlmodel import Session

    from flashmail.model import Schedule

app = typer.Typer(no_args_is_help=True, help="Digests that go out again and again.")


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What you call it.")],
    at: Annotated[
        str, typer.Option(help="A time of day where the reader lives: 07:30.")
    ],
    zone: Annotated[
        str, typer.Option(help="Of readers who do not say where they live.")
    ],
    segment: Annotated[str, typer.Option(help="To whom of its followers.")],
    days: Annotated[str, typer.Option(help="mon,wed,fri; * is every day.")] = "*",
    frequency: Annotated[
        Frequency, typer.Option(help="Those who read so often get it.")
    ] = Frequency.DAILY,
) -> None:
    """Send a digest of the briefs since the last one, at these times, for good."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.digests.schedules import parse_days, parse_time
    from flashmail.model import Schedule
    from flashmail.settings import load

    parse_days(days), parse_time(at)
    if zone not in available_timezones():
        raise WrongInput(f"{zone!r} is no time zone; one is Europe/Paris")
    engine = bootstrap.engine_with_topics(load(context.obj))
    chosen = bootstrap.segment(context.obj, segment, engine)
    with transaction(engine) as session:
        if _find(session, name) is not None:
            raise WrongInput(f"there is a schedule {name!r} already")
        session.add(
            Schedule(
                name=name,
                days=days,
                at=at,
                time_zone=zone,
                audience=chosen.as_json(),
                frequency=frequency,
                approved_by=AT_THE_COMMAND_LINE,
                created_at=datetime.now(UTC),
            )
        )
    console.note(f"{name}: {days} at {at} ({zone}), to {segment}, {frequency} readers")


@app.command("list")
def list_all(
    context: typer.Context,
    json: Json = False,
) -> None:
    """List the schedules, and when each last came round."""
    from sqlmodel import select

    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.model import Schedule
    from flashmail.settings import load

    engine = bootstrap.engine(load(context.obj))
    with reading(engine) as session:
        rows = [_line(session, each) for each in session.exec(select(Schedule))]
    empty = "there are no schedules; 'flashmail schedule add' makes one"
    console.listing(rows, json=json, empty=empty)


@app.command()
def stop(context: typer.Context, name: str) -> None:
    """Let a schedule rest; 'start' lets it go on."""
    _switch(context, name, active=False)


@app.command()
def start(context: typer.Context, name: str) -> None:
    """Let a schedule go on; what it slept through is missed, not made up for."""
    _switch(context, name, active=True)


def _switch(context: typer.Context, name: str, *, active: bool) -> None:
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.settings import load

    engine = bootstrap.engine(load(context.obj))
    with transaction(engine) as session:
        schedule = _find(session, name)
        if schedule is None:
            raise WrongInput(f"there is no schedule {name!r}")
        schedule.active = active
    console.note(f"{name} {'goes on' if active else 'rests'}")


def _find(session: Session, name: str) -> Schedule | None:
    from sqlmodel import select

    from flashmail.model import Schedule

    return session.exec(select(Schedule).where(Schedule.name == name)).one_or_none()


def _line(session: Session, schedule: Schedule) -> dict[str, str]:
    from sqlmodel import col, select

    from flashmail.model import Edition, EditionStatus

    latest = session.exec(
        select(Edition)
        .where(Edition.schedule_id == schedule.id)
        .where(Edition.status != EditionStatus.WAITING)
        .order_by(col(Edition.at).desc())
    ).first()
    zone = ZoneInfo(schedule.time_zone)
    when = f"{latest.at.astimezone(zone):%Y-%m-%d %H:%M}" if latest else "never"
    return {
        "name": schedule.name,
        "days": schedule.days,
        "at": schedule.at,
        "zone": schedule.time_zone,
        "readers": schedule.frequency.value,
        "state": "active" if schedule.active else "resting",
        "last": f"{when} ({latest.status})" if latest else when,
    }
