"""Options that several commands have, said once."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="For a program.")]
Number = Annotated[int, typer.Argument(help="The campaign's number.")]
ToSegment = Annotated[
    str,
    typer.Option("--segment", help="To this segment instead of the topics' followers."),
]
At = Annotated[
    str,
    typer.Option("--at", help="A time with its zone: '2027-03-01 09:00 Europe/Paris'."),
]
Urgent = Annotated[bool, typer.Option("--urgent", help="Now, before everything else.")]
Template = Annotated[str, typer.Option("--template", help="A folder of templates/.")]
