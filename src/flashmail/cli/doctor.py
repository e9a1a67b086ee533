"""`flashmail doctor`: can this installation send, and will its mail be believed?"""

import json as serial
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from flashmail import bootstrap
from flashmail.cli import say
from flashmail.cli.options import Json
from flashmail.database import reading
from flashmail.errors import NeedsDecision
from flashmail.reports.owed import unscheduled
from flashmail.settings import load

SIGNS = {"good": "[green]good[/]", "doubtful": "[yellow]doubtful[/]"}


def doctor(
    context: typer.Context,
    selector: Annotated[
        list[str] | None, typer.Option(help="A DKIM selector; may be given again.")
    ] = None,
    zone: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Recorded answers instead of the name servers: JSON.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Examine settings, the way out, and what the name servers say of the sender.

    Nothing is sent. Ends with exit status 3 where something is wrong.
    """
    # Asking name servers takes libraries that no other command waits for.
    from flashmail.doctor import Verdict, examine
    from flashmail.doctor.zone import live, recorded

    settings = load(context.obj)
    engine = bootstrap.engine(settings)
    with reading(engine) as session:
        waiting = unscheduled(session)
    engine.dispose()
    answers = recorded(serial.loads(zone.read_text())) if zone else live
    patient = replace(bootstrap.patient(settings), unscheduled=waiting)
    checks = examine(patient, answers, tuple(selector or ()))
    if json:
        say.result([asdict(check) for check in checks])
    else:
        for check in checks:
            sign = SIGNS.get(check.verdict, "[red]wrong[/]")
            say.out.print(f"{sign:22}", f"[bold]{check.name}[/]", end="  ")
            say.out.print(check.found, markup=False)
            if check.remedy:
                say.out.print(" " * 10 + check.remedy, markup=False)
    if wrong := [each.name for each in checks if each.verdict is Verdict.WRONG]:
        raise NeedsDecision(f"to be mended before anything is sent: {', '.join(wrong)}")
