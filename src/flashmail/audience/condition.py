"""A condition on a reader's attributes: the `where` of a segment, parsed.

    language = "en" and (organisation contains "Times" or country in ("PK", "IR"))

What is compared is text, character by character; the case of A to Z does not count. An
attribute that somebody does not have is an empty text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, NoReturn

from flashmail.errors import WrongInput

#: Fields that are columns; every other name is an attribute.
COLUMNS = frozenset({"name", "domain", "language", "time_zone"})

#: Names that would mislead: they are decided elsewhere, or are no attribute.
RESERVED = {
    "status": "only active subscribers get mail, whatever a segment says",
    "address": "ask for the domain",
    "topics": "use any, all and none",
    "topic": "use any, all and none",
}

LENGTH_LIMIT = 4_000

DEPTH_LIMIT = 40


class Operator(StrEnum):
    """How a field and a text are compared."""

    EQUAL = "="
    UNEQUAL = "!="
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    IN = "in"


@dataclass(frozen=True)
class Comparison:
    """A field against a text, or several ones for IN; texts are folded already."""

    field: str
    operator: Operator
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Not:
    part: "Condition"


@dataclass(frozen=True)
class And:
    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Or:
    parts: tuple["Condition", ...]


Condition = Comparison | Not | And | Or


class BadCondition(WrongInput):
    """The condition cannot be read; the text says where and what to mend."""


def parse_condition(text: str) -> Condition:
    """Read a condition."""
    if len(text) > LENGTH_LIMIT:
        raise BadCondition(f"a condition has at most {LENGTH_LIMIT:,} characters")
    if "\0" in text:
        raise _bad(text.index("\0"), "this is no text")
    return _Parser(text).parse()


def fold(text: str) -> str:
    """Return a text as it is compared: A to Z in lower case, all else as it is."""
    return text.translate(_LOWER)


def matches(condition: Condition, fields: Mapping[str, object]) -> bool:
    """Return whether somebody with these columns and attributes meets a condition."""
    match condition:
        case And(parts):
            return all(matches(part, fields) for part in parts)
        case Or(parts):
            return any(matches(part, fields) for part in parts)
        case Not(part):
            return not matches(part, fields)
        case Comparison(field, operator, texts):
            value = fields.get(field)
            return _COMPARE[operator](fold("" if value is None else str(value)), texts)


_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

_COMPARE: Mapping[Operator, Callable[[str, tuple[str, ...]], bool]] = {
    Operator.EQUAL: lambda value, texts: value == texts[0],
    Operator.UNEQUAL: lambda value, texts: value != texts[0],
    Operator.BELOW: lambda value, texts: value < texts[0],
    Operator.AT_MOST: lambda value, texts: value <= texts[0],
    Operator.ABOVE: lambda value, texts: value > texts[0],
    Operator.AT_LEAST: lambda value, texts: value >= texts[0],
    Operator.CONTAINS: lambda value, texts: texts[0] in value,
    Operator.IN: lambda value, texts: value in texts,
}


class _Token(NamedTuple):
    kind: str  # word, text, sign, end
    text: str
    place: int


_WORDS = frozenset({"and", "or", "not", "in", "contains"})

#: Each alternative fits from one character on only, so that nothing is tried twice.
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | "(?P<double>[^"]*)" | '(?P<single>[^']*)'
    | (?P<sign>!=|<=|>=|[=<>(),])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while True:
        match = _TOKEN.match(text, place)
        if match is None:
            _refuse(text, place + len(text[place:]) - len(text[place:].lstrip()))
        kind = match.lastgroup or ""
        start = match.start(kind)
        yield _Token(kind, match[kind], start)
        if kind == "end":
            return
        place = match.end()


def _refuse(text: str, place: int) -> NoReturn:
    found = text[place]
    if found in "\"'":
        raise _bad(place, f"the text that begins with {found} never ends")
    if found.isdigit():
        raise _bad(place, 'put numbers in quotes, as in "2025"; texts are compared')
    raise _bad(place, f"{found!r} means nothing here")


def _bad(place: int, problem: str) -> BadCondition:
    return BadCondition(f"where, character {place + 1}: {problem}")


class _Parser:
    """Reads by recursive descent: `or` binds loosest, then `and`, then `not`."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0

    def parse(self) -> Condition:
        condition = self._either()
        if self._here.kind != "end":
            raise self._expected("'and', 'or' or the end")
        return condition

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next]

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Condition:
        parts = [self._single()]
        while self._take("and"):
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _single(self) -> Condition:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise _bad(self._here.place, "too many brackets inside one another")
        if self._take("not"):
            part: Condition = Not(self._single())
        elif self._take("("):
            part = self._either()
            if not self._take(")"):
                raise self._expected("')'")
        else:
            part = self._comparison()
        self._depth -= 1
        return part

    def _comparison(self) -> Condition:
        field = self._field()
        negated = self._take("not")
        operator = self._operator(negated=negated)
        texts = self._texts() if operator is Operator.IN else (self._text(),)
        comparison = Comparison(field, operator, texts)
        return Not(comparison) if negated else comparison

    def _field(self) -> str:
        token = self._here
        name = token.text.lower()
        if token.kind != "word" or name in _WORDS:
            raise self._expected('an attribute, as in country = "PK"')
        if name in RESERVED:
            raise _bad(token.place, f"{name} cannot be asked for: {RESERVED[name]}")
        self._next += 1
        return name

    def _operator(self, *, negated: bool) -> Operator:
        allowed = [Operator.CONTAINS, Operator.IN] if negated else list(Operator)
        for operator in allowed:
            if self._take(operator.value):
                return operator
        raise self._expected(f"one of {' '.join(allowed)}")

    def _texts(self) -> tuple[str, ...]:
        if not self._take("("):
            raise self._expected('\'(\', as in country in ("PK", "IR")')
        texts = [self._text()]
        while self._take(","):
            texts.append(self._text())
        if not self._take(")"):
            raise self._expected("',' or ')'")
        return tuple(texts)

    def _text(self) -> str:
        token = self._here
        if token.kind not in {"double", "single"}:
            raise self._expected('a text in quotes, as in "PK"')
        self._next += 1
        return fold(token.text)

    def _take(self, text: str) -> bool:
        """Step over a sign or a word of the language, if it stands here."""
        token = self._here
        if token.kind in {"sign", "word"} and token.text.lower() == text:
            self._next += 1
            return True
        return False

    def _expected(self, what: str) -> BadCondition:
        found = repr(self._here.text) if self._here.kind != "end" else "the end"
        return _bad(self._here.place, f"expected {what}, found {found}")
