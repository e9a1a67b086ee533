"""SPF (RFC 7208): is there one record, and can it be evaluated within its limits?"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import dns.exception
import dns.resolver
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from publicsuffixlist import PublicSuffixList

from flashmail.errors import FlashmailError

#: Seconds for one question.
PATIENCE = 5.0

#: Answers a name and a type ("TXT", "MX", "A", ...) with the records' texts; none where
#: there are none. Raises Unanswered where nobody could say.
Zone = Callable[[str, str], list[str]]


class DnsUnanswered(FlashmailError):
    """The name servers did not say whether there is such a record."""


def live(name: str, kind: str) -> list[str]:
    """Ask this machine's resolver."""
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=PATIENCE)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as failure:
        raise DnsUnanswered(f"{kind} of {name}: {failure}") from failure
    return [_text(record) for record in answer]


def recorded(records: Mapping[str, Mapping[str, list[str]]]) -> Zone:
    """Answer from {name: {type: [texts]}}; a type of None was unanswered."""

    def ask(name: str, kind: str) -> list[str]:
        known = records.get(name.rstrip(".").lower(), {})
        answers = known.get(kind, [])
        if answers is None:
            raise DnsUnanswered(f"{kind} of {name}: the servers did not answer")
        return list(answers)

    return ask


def _text(record: Any) -> str:
    strings = getattr(record, "strings", None)
    if strings is not None:  # a TXT record comes in pieces (RFC 7208, 3.3)
        return b"".join(strings).decode("utf-8", "replace")
    return str(record.to_text())


POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True)
class Dmarc:
    """A policy record: where it was found, and its tags."""

    domain: str
    tags: dict[str, str]
    inherited: bool = False  # it is the organisation's, not the domain's own

    @property
    def policy(self) -> str:
        """What receivers are asked to do with mail that fails."""
        own = self.tags.get("p", "")
        return self.tags.get("sp", own) if self.inherited else own

    def strict(self, way: str) -> bool:
        """Whether `aspf` or `adkim` asks for the very same domain."""
        return self.tags.get(way, "r") == "s"


def organisation(domain: str) -> str:
    """Return the domain that was registered: example.co.uk for www.example.co.uk."""
    return _suffixes().privatesuffix(domain.lower().rstrip(".")) or domain.lower()


def aligned(domain: str, other: str, *, strict: bool = False) -> bool:
    """Whether mail from one domain may be vouched for by another (RFC 7489, 3.1)."""
    if strict:
        return domain.lower() == other.lower()
    return organisation(domain) == organisation(other)


def policy_of(zone: Zone, domain: str) -> Dmarc | None:
    """Return a domain's policy, or else its organisation's; None where neither has."""
    for place in dict.fromkeys((domain, organisation(domain))):
        texts = [t for t in zone(f"_dmarc.{place}", "TXT") if t.startswith("v=DMARC1")]
        if len(texts) == 1:  # several are as good as none (RFC 7489, 6.6.3)
            return Dmarc(place, tags(texts[0]), inherited=place != domain)
    return None


def tags(record: str) -> dict[str, str]:
    """Return the tags of a DMARC or DKIM record."""
    pairs = [part.partition("=") for part in record.split(";") if "=" in part]
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


#: Where providers and mail servers put them, unless told otherwise.
USUAL = ("s1", "s2", "default", "mail", "dkim", "selector1", "selector2", "k1")

#: Bits of an RSA key: fewer than the first are refused, fewer than the second are weak
#: (RFC 8301).
FEWEST, ENOUGH = 1024, 2048


@dataclass(frozen=True)
class DkimKey:
    """A key as it was found; `bits` is 0 where it cannot be read or was revoked."""

    selector: str
    kind: str
    bits: int
    revoked: bool = False


def keys(zone: Zone, domain: str, selectors: tuple[str, ...] = ()) -> list[DkimKey]:
    """Return the keys of some selectors, or of the usual ones."""
    found = []
    for selector in selectors or USUAL:
        for text in zone(f"{selector}._domainkey.{domain}", "TXT"):
            if "p" in tags(text):
                found.append(_key(selector, tags(text)))
    return found


def _key(selector: str, record: dict[str, str]) -> DkimKey:
    kind = record.get("k", "rsa").lower()
    material = record["p"].replace(" ", "")
    if not material:
        return DkimKey(selector, kind, 0, revoked=True)
    if kind == "ed25519":
        return DkimKey(selector, kind, 256)
    try:
        key = load_der_public_key(b64decode(material))
    except (ValueError, binascii.Error):
        return DkimKey(selector, kind, 0)
    return DkimKey(selector, kind, key.key_size if isinstance(key, RSAPublicKey) else 0)


#: RFC 7208, 4.6.4: beyond these a receiver answers with a permanent error.
MOST_LOOKUPS, MOST_VOID = 10, 2

#: Terms that cost a look-up.
ASKING = ("include:", "a", "mx", "ptr", "exists:", "redirect=")


@dataclass
class Spf:
    """What a domain's record leads to; `problems` are in words."""

    domain: str
    record: str = ""
    lookups: int = 0
    void: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def last(self) -> str:
        """How it ends: `-all`, `~all`, `?all`, `+all`, or nothing."""
        terms = [term for term in self.record.lower().split() if term.endswith("all")]
        return terms[-1] if terms else ""


def follow(zone: Zone, domain: str) -> Spf:
    """Follow a domain's record through all that it includes, as a receiver would."""
    spf = Spf(domain)
    spf.record = _record(zone, domain, spf)
    _walk(zone, domain, spf.record, spf, seen=(domain,))
    if spf.lookups > MOST_LOOKUPS:
        spf.problems.append(f"it takes {spf.lookups} look-ups; {MOST_LOOKUPS} at most")
    if spf.void > MOST_VOID:
        spf.problems.append(f"{spf.void} of its names are empty; {MOST_VOID} at most")
    return spf


def _record(zone: Zone, domain: str, spf: Spf) -> str:
    texts = zone(domain, "TXT")
    ours = [text for text in texts if text.lower().split(" ")[0] == "v=spf1"]
    if len(ours) > 1:
        spf.problems.append(f"{domain} has {len(ours)} SPF records; one is allowed")
    return ours[0] if ours else ""


def _walk(
    zone: Zone, domain: str, record: str, spf: Spf, seen: tuple[str, ...]
) -> None:
    for term in record.lower().split()[1:]:
        bare = term.lstrip("+-~?")
        if not _asks(bare) or spf.lookups > 2 * MOST_LOOKUPS:
            continue
        spf.lookups += 1
        _ask(zone, domain, bare, spf, seen)


def _asks(term: str) -> bool:
    name = term.split("/")[0]
    return any(
        name == each or name.startswith(each if each[-1] in ":=" else each + ":")
        for each in ASKING
    )


def _ask(zone: Zone, domain: str, term: str, spf: Spf, seen: tuple[str, ...]) -> None:
    name, _, target = term.replace("=", ":", 1).partition(":")
    target = (target or domain).split("/")[0]
    if "%" in target:
        return  # a macro: only known for a mail
    if name in ("include", "redirect"):
        if target in seen:
            spf.problems.append(f"{target} includes itself")
            return
        record = _record(zone, target, spf)
        if not record:
            spf.void += 1
            spf.problems.append(f"{target} is included, but has no SPF record")
        _walk(zone, target, record, spf, (*seen, target))
    elif not zone(target, "MX" if name == "mx" else "A"):
        spf.void += 1
