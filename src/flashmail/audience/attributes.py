"""Attributes: what is known of people besides the columns, by the names in use."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, func, select, true
from sqlmodel import Session, col

from flashmail.audience.condition import COLUMNS, And, Comparison, Condition, Not, Or
from flashmail.database import is_sqlite
from flashmail.model import Subscriber


def names(session: Session) -> list[str]:
    """Return the names of all attributes that anybody has.

    The database takes them out of a million people's in about a second.
    """
    return sorted(session.scalars(_keys(session).distinct()))


def unknown(session: Session, asked: Iterable[str]) -> frozenset[str]:
    """Return those names of attributes that nobody has."""
    return frozenset(name for name in set(asked) if not _somebody_has(session, name))


def asked_by(condition: Condition | None) -> frozenset[str]:
    """Return the names of the attributes that a condition asks for."""
    match condition:
        case Comparison(field):
            return frozenset({field}) - COLUMNS
        case Not(part):
            return asked_by(part)
        case And(parts) | Or(parts):
            return frozenset().union(*map(asked_by, parts))
    return frozenset()


def _somebody_has(session: Session, name: str) -> bool:
    keys = _keys(session)
    one = keys.where(keys.selected_columns[0] == name).limit(1)
    return session.scalars(one).first() is not None


def _keys(session: Session) -> Select[Any]:
    """Return a query for the name of each attribute of each person."""
    sqlite = is_sqlite(session)
    function = func.json_each if sqlite else func.json_object_keys
    pairs = function(col(Subscriber.attributes)).table_valued("key")
    # PostgreSQL names the column of a function after the function, unless told.
    each = pairs if sqlite else pairs.render_derived(name="pair")
    return select(each.c.key).select_from(Subscriber).join(each, true())
