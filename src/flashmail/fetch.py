"""Fetch: a page of somebody else's, by a machine that stands inside a network.

An address given by a visitor could make us ask a neighbour for its secrets (SSRF). So
the name is resolved once, every address it has must be one of the public internet, and
the connection goes to the very address that was looked at; the same again after each
redirect. Nothing may take longer than five seconds in all, or be larger than 5 MB.
"""

import asyncio
import ssl
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import EAI_NONAME, SOCK_STREAM, gaierror, getaddrinfo
from urllib.parse import urljoin, urlsplit

import httpx2 as httpx

from flashmail.errors import WrongInput

Address = IPv4Address | IPv6Address

SECONDS = 5.0

LARGEST = 5_000_000

MOST_REDIRECTS = 5

#: IPv6 addresses that stand for an IPv4 address in their last 32 bits (RFC 6052).
TRANSLATED = ip_network("64:ff9b::/96")

HEADERS = {
    "User-Agent": "flashmail (reads what its editors name)",
    "Accept": "text/html,text/plain;q=0.9,*/*;q=0.5",
    "Accept-Encoding": "identity",
}

#: A lookup cannot be broken off; it is left behind in a thread of its own.
_resolvers = ThreadPoolExecutor(8, thread_name_prefix="resolve")


class CannotFetch(WrongInput):
    """This cannot be fetched; the text says why."""


class HostUnreachable(CannotFetch):
    """Nobody answered, or not in time; `gone` where there is no such host."""

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


class NotPublic(CannotFetch):
    """The address is none that a page of the web can have."""


@dataclass(frozen=True)
class Fetched:
    """What came back from where, after all redirects."""

    url: str
    status: int
    kind: str
    charset: str
    body: bytes


Fetcher = Callable[[str], Fetched]

Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class Guard:
    """Which addresses may be asked, and how names become addresses."""

    resolve: Resolve
    allows: Callable[[Address], bool]


def is_public(address: Address) -> bool:
    """Say whether an address is of the public internet, in whatever dress it comes."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def addresses_of(host: str, port: int) -> list[str]:
    """Return every address that a name has."""
    found = getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


GUARD = Guard(addresses_of, is_public)


def guarded(url: str, guard: Guard = GUARD, *, body: bool = True) -> Fetched:
    """Fetch a page; raise CannotFetch where it is refused, late or too large.

    Without `body` the connection is closed after the status.
    """
    return asyncio.run(fetch(url, guard, body=body))


async def fetch(url: str, guard: Guard = GUARD, *, body: bool = True) -> Fetched:
    """Do as `guarded` does, beside others."""
    try:
        async with asyncio.timeout(SECONDS):
            return await _followed(url, guard, body=body)
    except TimeoutError as error:
        raise HostUnreachable(
            f"{_shown(url)} took longer than {SECONDS:.0f} s."
        ) from error
    except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
        why = str(error) or type(error).__name__
        raise HostUnreachable(f"{_shown(url)} cannot be reached: {why}.") from error


async def _followed(url: str, guard: Guard, *, body: bool) -> Fetched:
    for _ in range(MOST_REDIRECTS + 1):
        answer = await _one(url, guard, body=body)
        if isinstance(answer, Fetched):
            return answer
        url = urljoin(url, answer)
    raise CannotFetch(f"{_shown(url)} leads on and on.")


async def _one(url: str, guard: Guard, *, body: bool) -> Fetched | str:
    """Ask once; return what came, or where it leads on to."""
    host, port, secure = _parts(url)
    address = await _looked_at(host, port, guard)
    place = f"[{address}]" if ":" in address else address
    target = httpx.URL(url).copy_with(host=place.strip("[]"), port=port)
    named = f"[{host}]" if ":" in host else host
    default = port == (443 if secure else 80)
    request = httpx.Request(
        "GET",
        target,
        headers={**HEADERS, "Host": named if default else f"{named}:{port}"},
        extensions={
            "sni_hostname": host,
            "timeout": dict.fromkeys(("connect", "read", "write", "pool"), SECONDS),
        },
    )
    async with httpx.AsyncHTTPTransport(verify=_tls()) as transport:
        answer = await transport.handle_async_request(request)
        try:
            if answer.is_redirect and "location" in answer.headers:
                return str(answer.headers["location"])
            read = await _read(answer) if body else b""
        finally:
            await answer.aclose()
    kind = answer.headers.get("content-type", "")
    charset = kind.rpartition("charset=")[2].strip("\"' ") if "charset=" in kind else ""
    return Fetched(url, answer.status_code, kind.lower(), charset, read)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _parts(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise CannotFetch(f"{_shown(url)} is no address.") from error
    if parts.scheme not in {"http", "https"}:
        raise CannotFetch(f"{_shown(url)}: an address begins with https://")
    if not host or "@" in parts.netloc or any(c.isspace() or c == "\\" for c in url):
        raise CannotFetch(f"{_shown(url)} is no address of a page.")
    secure = parts.scheme == "https"
    return host, port or (443 if secure else 80), secure


async def _looked_at(host: str, port: int, guard: Guard) -> str:
    """Return the one address to connect to; refuse a name that has a private one."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(_resolvers, guard.resolve, host, port)
    except (gaierror, UnicodeError) as error:
        message = f"There is no host {host!r}."
        raise HostUnreachable(message, gone=_is_gone(error)) from error
    for each in found:
        if not guard.allows(ip_address(each.partition("%")[0])):
            raise NotPublic(f"{host!r} is not on the public internet.")
    if not found:
        raise HostUnreachable(f"There is no host {host!r}.")
    return found[0]


def _is_gone(error: Exception) -> bool:
    return isinstance(error, gaierror) and error.errno == EAI_NONAME


async def _read(answer: httpx.Response) -> bytes:
    """Read the body up to the limit, also of what it unpacks to."""
    parts, size = [], 0
    async for part in answer.aiter_raw():
        size += len(part)
        if size > LARGEST:
            raise CannotFetch("The page is larger than 5 MB.")
        parts.append(part)
    return _unpacked(b"".join(parts), answer.headers.get("content-encoding", ""))


def _unpacked(body: bytes, coding: str) -> bytes:
    """Unpack what was packed though we did not ask for it."""
    if coding in {"", "identity"}:
        return body
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise CannotFetch(f"The page is packed as {coding}.")
    reader = zlib.decompressobj(47)
    try:
        unpacked = reader.decompress(body, LARGEST)
    except zlib.error as error:
        raise CannotFetch("The page is damaged.") from error
    if reader.unconsumed_tail:
        raise CannotFetch("The page is larger than 5 MB.")
    return unpacked


def _shown(url: str) -> str:
    return url if len(url) <= 100 else f"{url[:97]}..."
