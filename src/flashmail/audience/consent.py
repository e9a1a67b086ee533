"""The consent ledger: what somebody agreed to, and where that was asked."""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, ip_address, ip_network

from sqlmodel import Session

from flashmail.model import Consent, ConsentKind


@dataclass(frozen=True)
class Where:
    """Where a word was given: the version of what was shown, the page, the network."""

    wording: str
    source: str
    network: str = ""


def network_of(host: str) -> str:
    """Return the first part of an address: of IPv4 24 bits, of IPv6 48."""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    bits = 24 if isinstance(address, IPv4Address) else 48
    return str(ip_network(f"{address}/{bits}", strict=False))


def agreed(
    session: Session,
    subscriber_id: int,
    kind: ConsentKind,
    where: Where,
    *,
    now: datetime,
    **detail: object,
) -> None:
    """Add to the ledger what somebody has just agreed to, or taken back."""
    session.add(
        Consent(
            subscriber_id=subscriber_id,
            kind=kind,
            at=now,
            wording=where.wording,
            source=where.source,
            network=where.network,
            detail=detail,
        )
    )
