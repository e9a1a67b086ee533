"""`flashmail template`: look after the templates."""

from typing import Annotated

import typer

from flashmail import bootstrap
from flashmail.cli import say
from flashmail.cli.options import Json
from flashmail.errors import WrongInput

template_app = typer.Typer(no_args_is_help=True, help="Look after the templates.")


@template_app.command("list")
def list_all(context: typer.Context) -> None:
    """Name the templates that can be used."""
    renderer = bootstrap.renderer(bootstrap.load_or_sample(context.obj))
    for name in renderer.names():
        say.out.print(name)


@template_app.command()
def check(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="All, if none.")] = None,
    json: Json = False,
) -> None:
    """Find what is wrong in templates, before a reader does."""
    renderer = bootstrap.renderer(bootstrap.load_or_sample(context.obj))
    found = [
        finding
        for name in names or renderer.names()
        for finding in renderer.check(name)
    ]
    if json:
        say.result([vars(each) for each in found])
    for each in () if json else found:
        say.out.print(
            f"{each.file}:{each.line}: {each.severity}: {each.message}", markup=False
        )
    errors = sum(each.severity == "error" for each in found)
    if errors:
        raise WrongInput(f"{errors} to mend")
    say.note("nothing to mend" if not found else "nothing that has to be mended")
