"""What the columns of a file hold: as its provider's table says, or a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

from flashmail.addresses import BadAddress, parse_address
from flashmail.errors import WrongInput
from flashmail.import_export.formats import (
    ALIASES,
    NAMES,
    PLAIN,
    ProviderFormat,
    recognise,
)
from flashmail.import_export.rows import plain_name, titles
from flashmail.model import SubscriberStatus

#: What a column may hold.
FIELDS = (*ALIASES, *NAMES)

#: Other answers to the question what to do with a column.
KEEP, SKIP = "attribute", "skip"

#: Fields that more than one column may hold.
SHARED = frozenset({"topics", "status", KEEP, SKIP})

#: Column titles as the file has them, each with one of FIELDS, KEEP or SKIP.
Mapped = Mapping[str, str]

NOTHING: Mapped = MappingProxyType({})


@dataclass(frozen=True)
class ColumnMapping:
    """A file's columns: their names, each once, and what each of them holds.

    `everybody` is the status of all of its people, where the file as such says it.
    `has_header` is false for a bare list of addresses, and `crowded` true for one with
    several of them on a line.
    """

    format: ProviderFormat
    names: tuple[str, ...]
    fields: tuple[str, ...]
    everybody: SubscriberStatus | None = None
    has_header: bool = True
    crowded: bool = False
    mapped: bool = False

    def places(self, field: str) -> tuple[int, ...]:
        """Return which columns hold a field, from 0."""
        return tuple(n for n, each in enumerate(self.fields) if each == field)

    @property
    def ours(self) -> bool:
        """Whether it is a roster in our own form, and nobody said otherwise."""
        named = not any(self.places(each) for each in NAMES)
        return self.format is PLAIN and self.has_header and named and not self.mapped


def lay_out(
    cells: Sequence[str], *, file: str = "", mapped: Mapped = NOTHING
) -> ColumnMapping:
    """Return the layout of a file by its first row and its name.

    A person's word (`mapped`) counts more than ours. Raises WrongInput for a word that
    is no field, and for two columns with what a person has one of.
    """
    if place := _bare(cells):
        return _listed(cells, place - 1, mapped)
    names = _distinct(titles(cells))
    form = recognise(names)
    fields = _fields(names, form, mapped)
    everybody = _everybody(form, names, file)
    return ColumnMapping(form, names, fields, everybody, mapped=bool(mapped))


def require_address(layout: ColumnMapping) -> None:
    """Raise WrongInput unless it is known where the addresses stand."""
    if not layout.places("address"):
        found = ", ".join(layout.names[:10])
        raise WrongInput(f"there is no column 'address'; the header has {found}")


def _fields(
    names: Sequence[str], form: ProviderFormat, mapped: Mapped
) -> tuple[str, ...]:
    words = {plain_name(title): _word(word) for title, word in mapped.items()}
    fields = [form.fields.get(name, KEEP) for name in names]
    if fields.count("address") == 2 and "address" in names and form is PLAIN:
        # One of them is where people live.
        fields[names.index("address")] = KEEP
    fields = [words.get(name, field) for name, field in zip(names, fields, strict=True)]
    return _once_each(names, fields, words)


def _once_each(
    names: Sequence[str], fields: list[str], words: Mapped
) -> tuple[str, ...]:
    """Let a person have one name and so on: the first column counts, or the one that
    somebody pointed at."""
    for field in set(fields) - SHARED:
        places = [n for n, each in enumerate(fields) if each == field]
        chosen = [n for n in places if words.get(names[n]) == field]
        if len(chosen) > 1:
            raise WrongInput(f"there are two columns for {field!r}")
        for n in places:
            if n != (chosen or places)[0]:
                fields[n] = KEEP
    return tuple(fields)


def _word(word: str) -> str:
    if word not in (*FIELDS, KEEP, SKIP):
        raise WrongInput(
            f"a column cannot hold {word[:80]!r}; there are"
            f" {', '.join((*FIELDS, KEEP, SKIP))}"
        )
    return word


def _everybody(
    form: ProviderFormat, names: Sequence[str], file: str
) -> SubscriberStatus | None:
    """Return the status that a whole file has, by its name or else by its columns."""
    name = PurePath(file).name.lower()
    for begin, status in form.files.items():
        if name.startswith(begin):
            return status
    if form.sole in names:
        return None
    return next((form.whole[each] for each in names if each in form.whole), None)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Number names that are there before, and columns that have none."""
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        name = name or f"column_{number}"
        found.append(f"{name}_{number}" if name in found else name)
    return tuple(found)


def _bare(cells: Sequence[str]) -> int:
    """Return the place, from 1, of an address in what should be a header; else 0."""
    return next((n for n, cell in enumerate(cells, start=1) if is_address(cell)), 0)


def is_address(cell: str) -> bool:
    """Return whether a cell is an address, perhaps in the form `Name <address>`."""
    try:
        parse_address(in_brackets(cell)[1])
    except BadAddress:
        return False
    return True


def in_brackets(cell: str) -> tuple[str, str]:
    """Return name and address of `Name <address>`; without brackets, no name."""
    name, bracket, rest = cell.strip().rpartition("<")
    if not bracket or not rest.endswith(">"):
        return "", cell.strip()
    return name.strip().strip('"').strip(), rest[:-1].strip()


def _listed(cells: Sequence[str], address: int, mapped: Mapped) -> ColumnMapping:
    """Return the layout of a list without a header; what else it has may be a name."""
    filled = [cell for cell in cells if cell.strip()]
    if len(filled) > 1 and all(map(is_address, filled)):
        return ColumnMapping(PLAIN, ("address",), ("address",), None, False, True)
    names = [f"column_{number}" for number, _ in enumerate(cells, start=1)]
    guessed = [KEEP] * len(names)
    guessed[address] = "address"
    if len(names) > 1:
        guessed[1 if address == 0 else 0] = "name"
    words = {plain_name(title): _word(word) for title, word in mapped.items()}
    fields = [words.get(n, f) for n, f in zip(names, guessed, strict=True)]
    return ColumnMapping(PLAIN, tuple(names), tuple(fields), has_header=False)
