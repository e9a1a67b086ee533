"""The header of a roster: which column holds what."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flashmail.audience.roster.formats.plain import ALIASES
from flashmail.audience.roster.guard import unguarded
from flashmail.errors import WrongInput

COLUMN = {alias: column for column, names in ALIASES.items() for alias in names}

COLUMN_LIMIT = 200


@dataclass(frozen=True)
class Columns:
    """Where each column is, from 0; -1 where the file has none of it."""

    width: int
    address: int
    name: int
    topics: int
    status: int
    time_zone: int
    language: int
    attributes: tuple[tuple[int, str], ...]


def read_header(cells: Sequence[str]) -> Columns:
    """Read the names of the columns; whatever is not ours is an attribute."""
    names = _names(cells)
    if "address" not in names:
        found = ", ".join(names[:10])
        raise WrongInput(f"there is no column 'address'; the header has {found}")
    places = {name: place for place, name in enumerate(names)}
    ours = {column: places.pop(column, -1) for column in ALIASES}
    attributes = tuple((place, name) for name, place in places.items())
    return Columns(width=len(names), attributes=attributes, **ours)


def titles(cells: Sequence[str]) -> list[str]:
    """Return a header's cells as plain names, without empty ones at its end."""
    names = [plain_name(unguarded(cell.strip(" \ufeff"))) for cell in cells]
    while names and not names[-1]:
        names.pop()
    if len(names) > COLUMN_LIMIT:
        raise WrongInput(f"a roster has at most {COLUMN_LIMIT} columns")
    return names


def plain_name(title: str) -> str:
    """Return a column's name in lower case, with low lines for spaces and hyphens."""
    return "_".join(title.casefold().replace("-", " ").replace("_", " ").split())


def _names(cells: Sequence[str]) -> list[str]:
    names = titles(cells)
    if "" in names:
        raise WrongInput(f"column {names.index('') + 1} has no name in the header")
    ours = [COLUMN.get(name, name) for name in names]
    if ours.count("address") == 2 and names.count("address") == 1:
        # One of them is where people live.
        ours[names.index("address")] = "postal_address"
    twice = [name for name, times in Counter(ours).items() if times > 1]
    if twice:
        raise WrongInput(f"there are two columns for {twice[0]!r}")
    return ours
