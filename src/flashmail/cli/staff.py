"""`flashmail staff`: accounts that may sign in, and their roles."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from flashmail.cli.console import AT_THE_COMMAND_LINE, Json
from flashmail.model import Role

app = typer.Typer(no_args_is_help=True, help="Who may sign in, and as what.")

Address = Annotated[str, typer.Argument(help="The address to sign in with.")]

Password = Annotated[
    str, typer.Option(help="Without one, a new one is made and shown once.")
]


@app.command()
def add(
    context: typer.Context,
    name: str,
    address: Address,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.VIEWER,
    topic: Annotated[list[str] | None, typer.Option(help="Only on these.")] = None,
    password: Password = "",
) -> None:
    """Let somebody sign in. From the first one on, nobody else sees the pages."""
    from flashmail import bootstrap
    from flashmail.database import transaction
    from flashmail.settings import load
    from flashmail.staff import members

    chosen = password or members.new_password()
    engine = bootstrap.engine(load(context.obj))
    with transaction(engine) as session:
        members.add(
            session,
            name,
            address,
            role,
            chosen,
            topics=tuple(topic or ()),
            by=AT_THE_COMMAND_LINE,
            now=datetime.now(UTC),
        )
    _show(address, password, chosen)


@app.command("list")
def list_all(
    context: typer.Context,
    json: Json = False,
) -> None:
    """List who may sign in."""
    from sqlmodel import col, select

    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.model import Staff
    from flashmail.settings import load

    engine = bootstrap.engine(load(context.obj))
    with reading(engine) as session:
        rows = [
            {
                "address": each.key,
                "name": each.name,
                "role": each.role.value,
                "people_a_day": each.daily_send_limit
                if each.daily_send_limit is not None
                else "",
                "second_factor": "yes" if each.totp_secret else "no",
                "state": "active" if each.active else "let go",
            }
            for each in session.exec(select(Staff).order_by(col(Staff.key)))
        ]
    empty = "nobody yet: whoever sits at this machine sees the pages"
    console.listing(rows, json=json, empty=empty)


@app.command()
def role(context: typer.Context, address: Address, role: Role) -> None:
    """Change what somebody may do, and sign them out."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.settings import load
    from flashmail.staff import members

    engine = bootstrap.engine(load(context.obj))
    with transaction(engine) as session:
        staff = members.find(session, address)
        now = datetime.now(UTC)
        members.change_role(session, staff, role, by=AT_THE_COMMAND_LINE, now=now)
    console.note(f"{address} is {role} now, and has to sign in again")


@app.command("cap")
def set_cap(
    context: typer.Context,
    address: Address,
    people_a_day: Annotated[
        int | None, typer.Argument(help="Without a number there is no limit.")
    ] = None,
) -> None:
    """Say to how many people a day somebody may send, unless an admin approves."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.settings import load
    from flashmail.staff import members

    engine = bootstrap.engine(load(context.obj))
    with transaction(engine) as session:
        staff = members.find(session, address)
        now = datetime.now(UTC)
        members.cap(session, staff, people_a_day, by=AT_THE_COMMAND_LINE, now=now)
    limit = "no limit" if people_a_day is None else f"{people_a_day:,} people a day"
    console.note(f"{address} has {limit}")


@app.command()
def password(context: typer.Context, address: Address, password: Password = "") -> None:
    """Give somebody a new password, and sign them out everywhere."""
    from flashmail import bootstrap
    from flashmail.database import transaction
    from flashmail.settings import load
    from flashmail.staff import members

    chosen = password or members.new_password()
    engine = bootstrap.engine(load(context.obj))
    with transaction(engine) as session:
        staff = members.find(session, address)
        now = datetime.now(UTC)
        members.change_password(session, staff, chosen, by=AT_THE_COMMAND_LINE, now=now)
    _show(address, password, chosen)


@app.command("second-factor")
def second_factor(context: typer.Context, address: Address) -> None:
    """Ask somebody for a code of their phone at every sign-in."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.settings import load
    from flashmail.staff import members
    from flashmail.staff.credentials import totp_address

    engine = bootstrap.engine(load(context.obj))
    with transaction(engine) as session:
        staff = members.find(session, address)
        factor = members.require_second_factor(
            session, staff, by=AT_THE_COMMAND_LINE, now=datetime.now(UTC)
        )
    console.note("for the authenticator, and codes for a bad day; shown this once:")
    console.out.print(totp_address(factor.secret, address), markup=False)
    console.out.print(" ".join(factor.recovery), markup=False)


@app.command()
def remove(context: typer.Context, address: Address) -> None:
    """Let somebody sign in no more."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import transaction
    from flashmail.settings import load
    from flashmail.staff import members

    engine = bootstrap.engine(load(context.obj))
    with transaction(engine) as session:
        staff = members.find(session, address)
        members.deactivate(
            session, staff, by=AT_THE_COMMAND_LINE, now=datetime.now(UTC)
        )
    console.note(f"{address} may not sign in any more")


def _show(address: str, given: str, chosen: str) -> None:
    from flashmail.cli import console

    if given:
        console.note(f"{address} may sign in")
        return
    console.note(f"{address} may sign in with this password, shown this once:")
    console.out.print(chosen, markup=False)
