"""Reading the `[[name]]` tables of a TOML file that staff write by hand."""

import tomllib
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from flashmail.errors import WrongInput

T = TypeVar("T")


def read_tables(
    text: str, kind: str, keys: Collection[str], read: Callable[[Mapping[str, Any]], T]
) -> tuple[T, ...]:
    """Return what `read` makes of each `[[kind]]` table, or say what to mend.

    Each has a name of its own, however it is cased, and only known keys.
    """
    found: dict[str, T] = {}
    for place, table in enumerate(_tables(text, kind), start=1):
        name = table.get("name")
        if not isinstance(name, str) or not name.strip():
            raise WrongInput(f'{kind} {place} has no name; write name = "..." in it')
        if name.strip().casefold() in found:
            raise WrongInput(f"there are two {kind}s called {name.strip()!r}")
        try:
            _refuse_unknown(table, keys)
            found[name.strip().casefold()] = read(table)
        except WrongInput as problem:
            raise WrongInput(f"{kind} {name.strip()!r}: {problem}") from None
    return tuple(found.values())


def text_of(table: Mapping[str, Any], key: str) -> str:
    """Return a text of a table, or nothing where it has none."""
    value = table.get(key, "")
    if not isinstance(value, str):
        raise WrongInput(f"{key} is a text in quotes")
    return value.strip()


def names_of(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return a list of texts of a table, or nothing where it has none."""
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(n, str) for n in value):
        raise WrongInput(f'{key} is a list of names, as in {key} = ["Iran"]')
    return tuple(dict.fromkeys(each.strip() for each in value))


def _tables(text: str, kind: str) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as problem:
        raise WrongInput(f"this is no TOML: {problem}") from None
    if unknown := sorted(content.keys() - {kind}):
        raise WrongInput(f"{unknown[0]!r} means nothing here; write [[{kind}]] tables")
    tables = content.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise WrongInput(f"write [[{kind}]] in double brackets, one for each {kind}")
    return tables


def _refuse_unknown(table: Mapping[str, Any], keys: Collection[str]) -> None:
    if unknown := sorted(table.keys() - set(keys)):
        raise WrongInput(f"{unknown[0]!r} means nothing; there are {', '.join(keys)}")
