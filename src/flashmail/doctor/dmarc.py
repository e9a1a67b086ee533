"""DMARC (RFC 7489): the policy of a domain, and whether ours stand in line with it."""

from dataclasses import dataclass
from functools import cache

from publicsuffixlist import PublicSuffixList

from flashmail.doctor.zone import Zone

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
