"""SPF (RFC 7208): is there one record, and can it be evaluated within its limits?"""

from dataclasses import dataclass, field

from flashmail.doctor.zone import Zone

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
