"""Addresses that links may lead to."""

import re
from urllib.parse import quote, urlsplit, urlunsplit

from flashmail.rendering.errors import RenderError

#: Opened by the reader's own programs; there is nothing to count.
UNTOUCHED = ("mailto:", "tel:")

LONGEST = 2000

#: Everything of RFC 3986 that is not a letter or digit, and "%".
RESERVED = "%:/?#[]@!$&'()*+,;=-._~"

#: What programs drop or turn around, each in its own way.
CROOKED = re.compile(r"[\x00-\x20\x7f-\xa0\\\"<>`{}|^\u2028\u2029]")


def destination(address: str) -> str:
    """Return an http(s) address as it can travel in a header: in ASCII.

    Raises RenderError for whatever a mail must not link to.
    """
    if CROOKED.search(address):
        raise RenderError(f"{_shown(address)} has characters no link can have")
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise RenderError(f"{_shown(address)} is no address: {error}") from error
    if parts.scheme not in {"http", "https"}:
        raise RenderError(f"{_shown(address)}: a link begins with https://")
    if not host or "@" in parts.netloc or len(address) > LONGEST:
        raise RenderError(f"{_shown(address)}: a link names its host, and is not long")
    place = parts.netloc.replace(parts.netloc.rpartition("@")[2], _ascii(parts.netloc))
    return quote(urlunsplit(parts._replace(netloc=place)), safe=RESERVED)


def is_untouched(address: str) -> bool:
    return address.lower().startswith(UNTOUCHED) and not CROOKED.search(address)


def _ascii(netloc: str) -> str:
    if netloc.isascii():
        return netloc
    try:
        return netloc.encode("idna").decode()
    except UnicodeError as error:
        raise RenderError(f"{_shown(netloc)} is no host") from error


def _shown(address: str) -> str:
    short = address if len(address) <= 60 else f"{address[:57]}..."
    return f"the link {short!r}"
