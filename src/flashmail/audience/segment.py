"""A segment: a rule over topics and attributes that says who is meant. Pure."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from flashmail.audience.condition import Condition, holds, parse_condition
from flashmail.audience.toml import names_of, read_tables, text_of
from flashmail.errors import WrongInput

KEYS = ("name", "any", "all", "none", "where")


@dataclass(frozen=True)
class Segment:
    """Readers of any of these topics and all of those, without readers of others.

    A reader of a topic is whoever would get a brief tagged with it, so a follower of
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
            and (self.condition is None or holds(self.condition, attributes))
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
