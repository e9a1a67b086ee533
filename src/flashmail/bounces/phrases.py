"""The phrases of `phrases.toml`, by what they mean.

A table of words for postmasters to read and add to; see its head for the form.
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from flashmail.errors import FlashmailError

FILE = Path(__file__).with_name("phrases.toml")

#: The meanings that a file of phrases has.
MEANINGS = (
    "gone",
    "full",
    "blocked",
    "passing",
    "permanent",
    "undelivered",
    "delayed",
    "absent",
    "challenge",
    "copy",
)


class BadPhrases(FlashmailError):
    """The file of phrases is wrong; the text says where. It comes with flashmail."""


def folded(text: str) -> str:
    """Return a text as the phrases are written: one line, lower case, plain quotes."""
    return " ".join(text.replace("’", "'").replace("`", "'").lower().split())


def says(text: str, phrases: Iterable[str]) -> str:
    """Return the first of the phrases that a folded text has, or an empty one."""
    return next((phrase for phrase in phrases if phrase in text), "")


def read_phrases(text: str) -> dict[str, tuple[str, ...]]:
    """Read a file of phrases: by meaning, in the order in which they are looked for."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPhrases(f"{FILE.name}: {error}") from error
    if wrong := set(tables) ^ set(MEANINGS):
        names = ", ".join(sorted(wrong))
        raise BadPhrases(f"{FILE.name}: {names}: the tables are {MEANINGS}")
    return {meaning: _listed(meaning, tables[meaning]) for meaning in MEANINGS}


def _listed(meaning: str, table: object) -> tuple[str, ...]:
    # A key that is misspelt must not leave a meaning without its phrases.
    if not isinstance(table, dict) or set(table) != {"phrases"}:
        raise BadPhrases(f"{FILE.name}: {meaning}: write it as 'phrases = [...]'")
    listed = table["phrases"]
    # Of a string, each letter would be a phrase, and in every mail.
    if not isinstance(listed, list) or not listed:
        raise BadPhrases(f"{FILE.name}: {meaning}: its phrases are a list of some")
    for number, phrase in enumerate(listed, 1):
        where = f"{FILE.name}: {meaning}, phrase {number} ({phrase!r})"
        if not isinstance(phrase, str):
            raise BadPhrases(f"{where}: write it in quotes")
        if not phrase or phrase != folded(phrase):
            raise BadPhrases(f"{where}: write it as {folded(phrase)!r}")
        if phrase in listed[: number - 1]:
            raise BadPhrases(f"{where}: stands there twice")
    return tuple(listed)


_ALL = read_phrases(FILE.read_text(encoding="utf-8"))

#: There is no such mailbox, or there never will be again.
GONE = _ALL["gone"]

#: The mailbox is full: the person is there.
FULL = _ALL["full"]

#: We, or what we wrote, are not wanted there: it says nothing about the reader.
BLOCKED = _ALL["blocked"]

#: It was tried for days, or goes round in circles, or is too large.
PASSING = _ALL["passing"]

#: It will not be tried again.
PERMANENT = _ALL["permanent"]

#: It was not delivered, whatever the reason.
UNDELIVERED = _ALL["undelivered"]

#: It is still being tried.
DELAYED = _ALL["delayed"]

#: How subjects of answers by machines begin.
ABSENT = _ALL["absent"]

#: Somebody's filter wants us to prove that we are a person.
CHALLENGE = _ALL["challenge"]

#: From here on a notice repeats the mail that came back.
COPY = _ALL["copy"]
