"""A condition as an SQL expression: its texts are bound, never spelled into SQL.

It says the same as `condition.holds`, on SQLite and on PostgreSQL.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    and_,
    cast,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlmodel import Session, col

from flashmail.audience.condition import (
    COLUMNS,
    And,
    Comparison,
    Condition,
    Not,
    Operator,
    Or,
)
from flashmail.database import is_sqlite
from flashmail.model import Subscriber

Text = SQLColumnExpression[str]


def clause(session: Session, condition: Condition) -> ColumnElement[bool]:
    """Return the condition as a WHERE clause over the subscriber table."""
    sqlite = is_sqlite(session)
    match condition:
        case And(parts):
            return and_(*(clause(session, part) for part in parts))
        case Or(parts):
            return or_(*(clause(session, part) for part in parts))
        case Not(part):
            return not_(clause(session, part))
        case Comparison(field, operator, texts):
            value = _folded(_value(field, sqlite=sqlite), sqlite=sqlite)
            return _COMPARE[operator](value, texts)


def domain_of(session: Session) -> Text:
    """Return the domain of a subscriber's address as an SQL expression."""
    return _value("domain", sqlite=is_sqlite(session))


def _value(field: str, *, sqlite: bool) -> Text:
    key: Text = col(Subscriber.key)
    if field == "domain" and sqlite:
        return func.substr(key, func.instr(key, "@") + 1)
    if field == "domain":
        return func.split_part(key, "@", 2)
    if field in COLUMNS:
        column: Text = getattr(Subscriber, field)
        return column
    attribute = col(Subscriber.attributes)[field].as_string()
    return func.coalesce(cast(attribute, String), "")


def _folded(value: Text, *, sqlite: bool) -> Text:
    """Return a text as it is compared: by code points, A to Z in lower case."""
    # SQLite's lower() knows A to Z only; so does that of PostgreSQL in its C collation,
    # which also compares by code points.
    if sqlite:
        return func.lower(value).collate("BINARY")
    return func.lower(value.collate("C")).collate("C")


_COMPARE: Mapping[Operator, Callable[[Text, tuple[str, ...]], ColumnElement[bool]]] = {
    Operator.EQUAL: lambda value, texts: value == texts[0],
    Operator.UNEQUAL: lambda value, texts: value != texts[0],
    Operator.BELOW: lambda value, texts: value < texts[0],
    Operator.AT_MOST: lambda value, texts: value <= texts[0],
    Operator.ABOVE: lambda value, texts: value > texts[0],
    Operator.AT_LEAST: lambda value, texts: value >= texts[0],
    Operator.CONTAINS: lambda value, texts: value.contains(texts[0], autoescape=True),
    Operator.IN: lambda value, texts: value.in_(texts),
}


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
