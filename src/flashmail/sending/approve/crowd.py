"""A crowd: a set of subscribers as bytes, to keep it and to tell it from another."""

import hashlib
import sys
import zlib
from array import array
from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import Select, String, cast, func, select
from sqlmodel import Session

#: Ids are unsigned numbers of 32 bits, as in the tokens of links.
FORM = "I"


def read(session: Session, query: Select[Any]) -> list[int]:
    """Return the ids that a query finds, in no order.

    They come as one text: a million rows take ten times as long.
    """
    number = query.subquery().c[0]
    text = session.scalar(select(func.aggregate_strings(cast(number, String), ",")))
    ids: list[int] = orjson.loads(f"[{text or ''}]")
    return ids


def pack(ids: Iterable[int]) -> bytes:
    """Return subscriber ids as bytes; the order in which they come does not matter."""
    return zlib.compress(_plain(ids))


def unpack(crowd: bytes) -> frozenset[int]:
    """Read what `pack` wrote."""
    return frozenset(_numbers(crowd))


def some(crowd: bytes, count: int) -> list[int]:
    """Return some of a crowd, spread over all of it."""
    numbers = _numbers(crowd)
    return list(numbers[:: max(len(numbers) // count, 1)])[:count]


def digest(ids: Iterable[int]) -> str:
    """Return the SHA-256 of a set of subscriber ids; one more, and it differs."""
    return hashlib.sha256(_plain(ids)).hexdigest()


def _numbers(crowd: bytes) -> "array[int]":
    numbers = array(FORM)
    numbers.frombytes(zlib.decompress(crowd))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _plain(ids: Iterable[int]) -> bytes:
    numbers = array(FORM, sorted(ids))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()
