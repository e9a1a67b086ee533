"""What an import would read from each file: for a page that lets a person say so."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from flashmail.audience.roster.layout import NOTHING, Mapped
from flashmail.audience.roster.sheet import Sheet, sheets


@dataclass(frozen=True)
class Column:
    """A column: its title in the file, and what it is taken for.

    `field` is one of `layout.FIELDS`, or `layout.KEEP` (an attribute) or `layout.SKIP`.
    """

    title: str
    field: str


@dataclass(frozen=True)
class Preview:
    """The beginning of a file as it would be read.

    `format` is whose export it is taken for, "roster" being our own form. `rows` are
    the first ones as they stand in the file. `problem` says why nothing can be brought
    in before a person has chosen a column; else it is empty.
    """

    file: str
    format: str
    status: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    problem: str

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "columns": [vars(each) for each in self.columns]}


def preview(
    files: Sequence[Path],
    *,
    mapped: Mapped = NOTHING,
    rows: int = 10,
    bare: bool = False,
) -> tuple[Preview, ...]:
    """Return how each file, and each member of a zip, would be read.

    Give `mapped` the same words as `import_rosters`: {"E-Mail dienstl.": "address"}.
    Raises WrongInput for what cannot be read at all.
    """
    with sheets(files, mapped=mapped, bare=bare) as (opened, _):
        return tuple(_preview(sheet, rows) for sheet in opened)


def _preview(sheet: Sheet, rows: int) -> Preview:
    layout = sheet.layout
    stated = [cell.strip(" \ufeff") for cell in sheet.header.cells]
    titles = [
        (stated[n] if layout.has_header and n < len(stated) else "") or name
        for n, name in enumerate(layout.names)
    ]
    columns = tuple(map(Column, titles, layout.fields))
    first = tuple(tuple(row.cells) for row in islice(sheet.rows(), rows))
    problem = "" if layout.places("address") else "say which column holds the addresses"
    status = layout.everybody.value if layout.everybody else ""
    return Preview(sheet.name, layout.format.name, status, columns, first, problem)
