"""Column types that the tables share."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

#: Text in the order of its code points on both databases, as SQLite has it anyway: an
#: index then finds what begins alike.
PLAIN_TEXT = String().with_variant(String(collation="C"), "postgresql")


class Word(TypeDecorator[StrEnum]):
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
