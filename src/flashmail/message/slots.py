"""Slots: the places in a laid-out message where readers differ."""

import re
from collections.abc import Callable, Iterator
from string import ascii_letters, digits
from typing import NamedTuple

from flashmail.errors import WrongInput
from flashmail.message import MARK, TOKEN_WIDTH, TOKENS

#: Controls that a value has no use for: they would end or hide a line (C0, DEL, C1,
#: the line and paragraph separators of Unicode).
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

#: Embeddings, overrides and isolates: an unclosed one in a name turns the rest of the
#: mail around. Plain marks (U+200E, U+200F) turn nothing and may stay.
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")

LETTERS_AND_DIGITS = (ascii_letters + digits).encode()

SURROGATES = re.compile("[\ud800-\udfff]")


class Slot(NamedTuple):
    """A field's place: how its value is written there, and what serves without one."""

    field: str
    fallback: str
    write: Callable[[str], bytes]

    @property
    def fixed(self) -> bool:
        """Whether every value has the same width and needs no encoding."""
        return self.field in TOKENS


Piece = bytes | Slot


def pieces(text: str, write: Callable[[str], bytes]) -> Iterator[str | Slot]:
    """Cut a text at its marks; `write` is for the values of fields that are no token.

    Raises WrongInput for half a mark.
    """
    static, *rest = MARK.split(text)
    yield _whole(static)
    for field, fallback, following in zip(
        rest[::3], rest[1::3], rest[2::3], strict=True
    ):
        if field in TOKENS:
            yield Slot(field, "", token)
        else:
            yield Slot(field, fallback, write)
        yield _whole(following)


def token(value: str) -> bytes:
    """Return a token's bytes; raise WrongInput for what would not fit its slot."""
    octets = value.encode()
    if len(octets) != TOKEN_WIDTH or octets.translate(None, LETTERS_AND_DIGITS):
        raise WrongInput(f"a token has {TOKEN_WIDTH} letters and digits")
    return octets


def settled(value: str) -> str:
    """Return a value on one line, and without what could turn other text around."""
    if value.isprintable():
        return value
    value = CONTROLS.sub(" ", TURNING.sub("", value))
    return SURROGATES.sub("\ufffd", value)


def _whole(text: str) -> str:
    if "\x01" in text or "\x02" in text:
        raise WrongInput("half a mark stands in the message; write it with mark()")
    return text
