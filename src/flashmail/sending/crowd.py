"""A crowd: a set of subscribers as bytes, to keep it and to tell it from another."""

import hashlib
import sys
import zlib
from array import array
from collections.abc import Iterable

#: Ids are unsigned numbers of 32 bits, as in the tokens of links.
FORM = "I"


def pack(ids: Iterable[int]) -> bytes:
    """Return subscriber ids as bytes; the order in which they come does not matter."""
    return zlib.compress(_plain(ids))


def unpack(crowd: bytes) -> frozenset[int]:
    """Read what `pack` wrote."""
    numbers = array(FORM)
    numbers.frombytes(zlib.decompress(crowd))
    if sys.byteorder == "little":
        numbers.byteswap()
    return frozenset(numbers)


def digest(ids: Iterable[int]) -> str:
    """Return the SHA-256 of a set of subscriber ids; one more, and it differs."""
    return hashlib.sha256(_plain(ids)).hexdigest()


def _plain(ids: Iterable[int]) -> bytes:
    numbers = array(FORM, sorted(ids))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()
