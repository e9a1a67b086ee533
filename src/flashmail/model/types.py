"""Column types that the tables share."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    ColumnElement,
    Dialect,
    Integer,
    String,
    bindparam,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

#: Text in the order of its code points on both databases, as SQLite has it anyway: an
#: index then finds what begins alike.
PLAIN_TEXT = String().with_variant(String(collation="C"), "postgresql")


class EnumText(TypeDecorator[StrEnum]):
    """A word out of a StrEnum, kept as it is spelled and checked both ways.

    A database's own enumeration type would need a migration for each new word, and
    SQLAlchemy's keeps the member's name instead of its value.
    """

    impl = String(16)
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else self.words(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.words(value)


class IntArray(TypeDecorator[Sequence[int]]):
    """Many whole numbers in one parameter."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(Integer()))
        return dialect.type_descriptor(String())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        # What a list of numbers looks like in Python is JSON, too.
        return list(value) if dialect.name == "postgresql" else str(list(value))


class in_array(FunctionElement[bool]):
    """The condition that a column is one of the numbers in a parameter.

    Unlike IN, its SQL is the same for any count of them, so a statement is compiled
    once, and a thousand numbers are one parameter.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(
        self, column: Any, name: str | None, numbers: Sequence[int] | None = None
    ) -> None:
        given: dict[str, Any] = {} if numbers is None else {"value": numbers}
        super().__init__(column, bindparam(name, type_=IntArray(), **given))


@compiles(in_array, "postgresql")
def _among_on_postgresql(element: in_array, compiler: SQLCompiler, **how: Any) -> str:
    column, numbers = _both(element, compiler, how)
    return f"{column} = ANY ({numbers})"


@compiles(in_array)
def _in_array(element: in_array, compiler: SQLCompiler, **how: Any) -> str:
    column, numbers = _both(element, compiler, how)
    return f"{column} IN (SELECT CAST(value AS INTEGER) FROM json_each({numbers}))"


class rows_as_json(FunctionElement[str]):
    """All rows of a query at once, as JSON: a list of lists; null for no rows.

    Drivers let other threads go on between any two rows. With thousands of rows that
    takes longer than reading them, which one long text does not.
    """

    type = String()
    inherit_cache = True


@compiles(rows_as_json, "postgresql")
def _whole_on_postgresql(
    element: rows_as_json, compiler: SQLCompiler, **how: Any
) -> str:
    columns = ", ".join(compiler.process(each, **how) for each in element.clauses)
    return f"CAST(json_agg(json_build_array({columns})) AS TEXT)"


@compiles(rows_as_json)
def _rows_as_json(element: rows_as_json, compiler: SQLCompiler, **how: Any) -> str:
    columns = ", ".join(
        _as_json(compiler.process(each, **how), each.type) for each in element.clauses
    )
    return f"json_group_array(json_array({columns}))"


def _as_json(column: str, kind: TypeEngine[Any]) -> str:
    """Return a column of SQLite, which knows neither JSON nor truth, as JSON."""
    if isinstance(kind, JSON):
        return f"json({column})"
    if isinstance(kind, Boolean):
        return f"json(CASE {column} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)"
    return column


def _both(element: in_array, compiler: SQLCompiler, how: dict[str, Any]) -> list[str]:
    clauses: Sequence[ColumnElement[Any]] = list(element.clauses)
    return [compiler.process(each, **how) for each in clauses]
