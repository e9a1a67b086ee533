"""The actor of opens and clicks: a reader, a machine, or we cannot know. Pure.

The rules stand in order; the first that has something to say does. What it says is
kept with the event, for people.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from ua_parser import parse

from flashmail.model import Actor, EventKind
from flashmail.tracking.events import RecordedEvent

#: How much of a stranger's words is looked at, and kept.
LONGEST, AGENTS_KEPT = 300, 60

#: Begins the family of a program that reads for nobody.
MACHINE = "machine: "

#: Programs that fetch a picture for a reader that just opened the mail.
PROXIES = {
    "googleimageproxy": "Gmail's picture proxy",
    "yahoomailproxy": "Yahoo's picture proxy",
}

#: Apple's privacy protection fetches every picture when a mail arrives, and says no
#: more than this.
APPLE_AGENT = "Apple's privacy proxy"

APPLE_SAYS = "Mozilla/5.0"

#: Words of scanners, preview makers and libraries. A browser has none of them.
WORDS = (
    "barracuda",
    "proofpoint",
    "mimecast",
    "messagelabs",
    "symantec",
    "trendmicro",
    "trend micro",
    "fortimail",
    "fortinet",
    "sophos",
    "bitdefender",
    "ironport",
    "cloudmark",
    "safelinks",
    "urldefense",
    "existence discovery",
    "protocol discovery",
    "headless",
    "phantomjs",
    "curl",
    "wget",
    "python",
    "aiohttp",
    "httpx",
    "go-http-client",
    "java/",
    "okhttp",
    "httpclient",
    "libwww",
    "node-fetch",
    "axios",
    "scrapy",
    "facebookexternalhit",
    "whatsapp",
    "skypeuripreview",
    "preview",
    "scanner",
    "monitor",
)

BOT = re.compile(r"bot\b|crawl|spider", re.IGNORECASE)


@lru_cache(1 << 12)
def family(says: str) -> str:
    """Return the family of a program by its User-Agent; empty if it says nothing."""
    says = says[:LONGEST].strip()
    lower = says.lower()
    if not says:
        return ""
    if says == APPLE_SAYS:
        return APPLE_AGENT
    for word, name in PROXIES.items():
        if word in lower:
            return name
    if word := next((word for word in WORDS if word in lower), ""):
        return f"{MACHINE}{word.rstrip('/')}"
    return _parsed(says)


def is_machine(family: str) -> bool:
    return family.startswith(MACHINE)


def is_proxy(family: str) -> bool:
    return family in PROXIES.values()


def _parsed(says: str) -> str:
    known = parse(says)
    name = known.user_agent.family if known.user_agent else ""
    spider = known.device is not None and known.device.family == "Spider"
    name = "".join(c for c in name if c.isprintable())[:AGENTS_KEPT]
    if spider or BOT.search(says):
        return f"{MACHINE}{name or 'bot'}"
    return name


Network = IPv4Network | IPv6Network

#: So many bits of an address are kept: enough to know a company by, too few for one
#: person.
PREFIX_KEPT = {4: 24, 6: 48}

APPLE_NETWORK = "Apple"

#: Where scanners call from, as their makers publish it for firewalls.
RANGES: dict[str, tuple[str, ...]] = {
    APPLE_NETWORK: ("17.0.0.0/8", "2620:149::/32"),
    "Microsoft Defender": (
        "40.92.0.0/15",
        "40.94.0.0/16",
        "40.107.0.0/16",
        "52.100.0.0/14",
        "104.47.0.0/17",
    ),
    "Barracuda": ("64.235.144.0/20", "209.222.80.0/21"),
    "Proofpoint": ("67.231.144.0/20", "148.163.128.0/19", "185.132.180.0/22"),
    "Mimecast": ("195.130.217.0/24", "205.139.110.0/23", "207.211.30.0/23"),
    "Cisco": ("68.232.128.0/19", "216.71.128.0/18"),
    "Broadcom": (
        "46.226.48.0/21",
        "67.219.240.0/20",
        "85.158.136.0/21",
        "95.131.104.0/21",
        "117.120.16.0/21",
        "193.109.254.0/23",
        "216.82.240.0/20",
    ),
}

_RANGES = tuple(
    (ip_network(text), whose) for whose, texts in RANGES.items() for text in texts
)


@lru_cache(1 << 12)
def prefix(address: str) -> str:
    """Return the network of an address, as 192.0.2.0/24; empty if it is none."""
    try:
        known = ip_address(address)
    except ValueError:
        return ""
    if known.version == 6 and known.ipv4_mapped:
        known = known.ipv4_mapped
    return str(ip_network(f"{known}/{PREFIX_KEPT[known.version]}", strict=False))


@lru_cache(1 << 12)
def whose(prefix: str) -> str:
    """Return the scanners that call from a network; empty if none do that we know."""
    network = ip_network(prefix) if prefix else None
    for known, owner in _RANGES:
        if _within(network, known):
            return owner
    return ""


def _within(network: Network | None, known: Network) -> bool:
    if isinstance(network, IPv4Network) and isinstance(known, IPv4Network):
        return network.subnet_of(known)
    if isinstance(network, IPv6Network) and isinstance(known, IPv6Network):
        return network.subnet_of(known)
    return False


#: Nobody has read a mail so few seconds after it was delivered, or it is in doubt.
TOO_SOON, SOON = 3.0, 15.0

#: Links that are followed within so little time were not chosen by a reader.
AT_ONCE, MANY_AT_ONCE, MANY = timedelta(seconds=1), timedelta(seconds=3), 3

#: A visitor of the trap did what happened around that time, too.
AROUND_TRAP = timedelta(minutes=2)

Label = tuple[Actor, str]


class Context(NamedTuple):
    """What else one reader did with the same mail."""

    trapped: Sequence[datetime]
    clicks: Sequence[tuple[datetime, int]]


def labels(events: Iterable[RecordedEvent]) -> dict[str, Label]:
    """Return what each open and click of one reader with one mail is, by its key."""
    events = list(events)
    if len(events) == 1 and events[0].kind is EventKind.OPENED:
        return {events[0].key: label(events[0])}
    clicks = [(e.at, e.link) for e in events if e.link is not None]
    trapped = [e.at for e in events if e.kind is EventKind.TRAPPED]
    context = Context(trapped, clicks)
    return {event.key: label(event, context) for event in events}


ALONE = Context((), ())


def label(event: RecordedEvent, context: Context = ALONE) -> Label:
    """Return the actor, as far as can be told, and why we think so."""
    for rule in RULES:
        if found := rule(event, context):
            return found
    return Actor.UNKNOWN, "it says too little about itself"


def _flagged(event: RecordedEvent, _: Context) -> Label | None:
    if not event.provider_says_machine:
        return None
    return Actor.MACHINE, "the provider says so"


def _trapped(event: RecordedEvent, context: Context) -> Label | None:
    if any(abs(event.at - at) <= AROUND_TRAP for at in context.trapped):
        return Actor.MACHINE, "a link was followed that nobody can see"
    return None


def _says_machine(event: RecordedEvent, _: Context) -> Label | None:
    if not is_machine(event.user_agent):
        return None
    return Actor.MACHINE, f"it calls itself {event.user_agent.removeprefix(MACHINE)}"


def _from_apple(event: RecordedEvent, _: Context) -> Label | None:
    apple = whose(event.network) == APPLE_NETWORK
    opened = event.kind is EventKind.OPENED
    if opened and (apple or event.user_agent == APPLE_AGENT):
        return Actor.MACHINE, "Apple's proxy fetches every mail's pictures"
    return None


def _from_scanners(event: RecordedEvent, _: Context) -> Label | None:
    owner = whose(event.network)
    if owner and owner != APPLE_NETWORK:
        return Actor.MACHINE, f"it comes from the network of {owner}"
    return None


def _all_at_once(event: RecordedEvent, context: Context) -> Label | None:
    if event.kind is not EventKind.CLICKED:
        return None
    for within, many in ((AT_ONCE, 2), (MANY_AT_ONCE, MANY)):
        near = {n for at, n in context.clicks if abs(at - event.at) <= within}
        if len(near) >= many:
            seconds = within.total_seconds()
            return Actor.MACHINE, f"{len(near)} links within {seconds:.0f} s"
    return None


def _too_soon(event: RecordedEvent, _: Context) -> Label | None:
    if event.seconds_after_delivery is None or event.seconds_after_delivery > SOON:
        return None
    when = f"{max(event.seconds_after_delivery, 0):.0f} s after it was delivered"
    return (
        Actor.MACHINE if event.seconds_after_delivery <= TOO_SOON else Actor.UNKNOWN
    ), when


def _by_proxy(event: RecordedEvent, _: Context) -> Label | None:
    if event.kind is EventKind.OPENED and is_proxy(event.user_agent):
        return Actor.HUMAN, f"{event.user_agent} fetches when the mail is opened"
    return None


def _by_program(event: RecordedEvent, _: Context) -> Label | None:
    if event.user_agent and event.user_agent != APPLE_AGENT:
        return Actor.HUMAN, f"a reader's program: {event.user_agent}"
    return None


Rule = Callable[[RecordedEvent, Context], Label | None]

RULES: tuple[Rule, ...] = (
    _flagged,
    _trapped,
    _says_machine,
    _from_apple,
    _from_scanners,
    _all_at_once,
    _too_soon,
    _by_proxy,
    _by_program,
)
