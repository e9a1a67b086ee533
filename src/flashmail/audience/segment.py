"""A segment's condition as rows of field, operator and value, as a page shows it. Pure.

A condition that is more than rows joined by one word stays a text.
"""

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

from flashmail.audience.condition import (
    And,
    Comparison,
    Condition,
    Not,
    Operator,
    Or,
    matches,
    parse_condition,
)
from flashmail.audience.topics import names_of, read_tables, text_of
from flashmail.errors import WrongInput

KEYS = ("name", "any", "all", "none", "where")


@dataclass(frozen=True)
class Segment:
    """Readers of any of these topics and all of those, without readers of others.

    A reader of a topic is one that would get a brief tagged with it, so a follower of
    Iran is a reader of each topic under Iran. `where` is a condition on attributes, see
    `audience.condition`. A segment that says nothing at all means nobody: everybody is
    never meant by mistake.
    """

    name: str = ""
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    where: str = ""

    def __post_init__(self) -> None:
        _ = self.condition  # what cannot be read is refused now, not when it is sent

    @cached_property
    def condition(self) -> Condition | None:
        """The `where`, parsed; None where it is empty."""
        return parse_condition(self.where) if self.where.strip() else None

    @property
    def says_nothing(self) -> bool:
        return not (self.any or self.all or self.none or self.condition)

    @property
    def bringing(self) -> tuple[str, ...]:
        """The topics through which somebody gets the mail, in the segment's order."""
        return tuple(dict.fromkeys(self.any + self.all))

    def includes(self, topics: Set[str], attributes: Mapping[str, object]) -> bool:
        """Return whether somebody is meant.

        `topics` are all tags that the person would get (`Lineage.expand`), `attributes`
        the person's attributes together with name, domain, language and time_zone.
        """
        return not self.says_nothing and (
            (not self.any or not topics.isdisjoint(self.any))
            and topics >= frozenset(self.all)
            and topics.isdisjoint(self.none)
            and (self.condition is None or matches(self.condition, attributes))
        )

    def as_json(self) -> dict[str, Any]:
        return {
            field.name: list(value) if isinstance(value, tuple) else value
            for field in fields(self)
            for value in [getattr(self, field.name)]
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Segment":
        """Read what `as_json` wrote."""
        return _segment({"name": "", **value})


def parse_segments(text: str) -> tuple[Segment, ...]:
    """Read segments.toml, or say what to mend in it."""
    return read_tables(text, "segment", KEYS, _stated)


def _stated(table: Mapping[str, Any]) -> Segment:
    segment = _segment(table)
    if segment.says_nothing:
        raise WrongInput("it says nothing: give it any, all, none or where")
    return segment


def _segment(table: Mapping[str, Any]) -> Segment:
    return Segment(
        name=text_of(table, "name"),
        any=names_of(table, "any"),
        all=names_of(table, "all"),
        none=names_of(table, "none"),
        where=text_of(table, "where"),
    )


#: What a row may ask, as it is written in a condition.
OPERATORS = (
    "=",
    "!=",
    "contains",
    "not contains",
    "in",
    "not in",
    "<",
    "<=",
    ">",
    ">=",
)

FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: Between the values of `in`.
SEPARATOR = ","


class ConditionRow(NamedTuple):
    """One comparison; the value of `in` is a list with commas."""

    field: str
    operator: str
    value: str


class ConditionRows(NamedTuple):
    """Comparisons of which all have to hold, or either one."""

    rows: tuple[ConditionRow, ...] = ()
    either: bool = False


def where_of(
    rows: Iterable[ConditionRow], *, either: bool = False, text: str = ""
) -> str:
    """Return the condition that rows and a text say together; a row may be empty.

    Raises WrongInput for what cannot be written as a condition.
    """
    written = [_written(row) for row in rows if row.field.strip()]
    joined = (" or " if either else " and ").join(written)
    text = text.strip()
    if not text:
        return joined
    parse_condition(text)
    if not joined:
        return text
    return f"({joined}) and ({text})"


def rows_of(where: str) -> ConditionRows | None:
    """Return a condition as rows, or None where it is more than that.

    Texts come back in lower case: that is how they are compared.
    """
    if not where.strip():
        return ConditionRows()
    condition = parse_condition(where)
    match condition:
        case Or(parts):
            return _rows(parts, either=True)
        case And(parts):
            return _rows(parts, either=False)
        case _:
            return _rows((condition,), either=False)


def _rows(parts: tuple[Condition, ...], *, either: bool) -> ConditionRows | None:
    found = [_row(part) for part in parts]
    rows = tuple(row for row in found if row is not None)
    return ConditionRows(rows, either) if len(rows) == len(found) else None


def _row(part: Condition) -> ConditionRow | None:
    match part:
        case Comparison(field, operator, texts):
            return _compared(field, operator.value, texts)
        case Not(Comparison(field, Operator.CONTAINS | Operator.IN as operator, texts)):
            return _compared(field, f"not {operator}", texts)
        case _:
            return None


def _compared(field: str, operator: str, texts: tuple[str, ...]) -> ConditionRow | None:
    if any(SEPARATOR in text for text in texts) and len(texts) > 1:
        return None
    return ConditionRow(field, operator, f"{SEPARATOR} ".join(texts))


def _written(row: ConditionRow) -> str:
    field, operator = row.field.strip(), row.operator
    if not FIELD.fullmatch(field):
        raise WrongInput(
            f"{field!r} cannot be asked for: an attribute has letters, digits and _"
        )
    if operator not in OPERATORS:
        raise WrongInput(f"{operator!r} compares nothing")
    if operator in ("in", "not in"):
        values = [each.strip() for each in row.value.split(SEPARATOR)]
        texts = ", ".join(_quoted(each) for each in values if each)
        written = f"{field} {operator} ({texts})"
    else:
        written = f"{field} {operator} {_quoted(row.value.strip())}"
    parse_condition(written)
    return written


def _quoted(text: str) -> str:
    if '"' not in text:
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    raise WrongInput("a value cannot have both kinds of quotation marks in it")
