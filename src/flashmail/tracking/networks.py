"""Networks: what is kept of an address, and whose machines look at mail from where."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

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
    """Return whose scanners call from a network; empty if none do that we know."""
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
