"""What the domain name system must say for our mail to be believed. Pure but for it.

Gmail, Yahoo and Microsoft ask bulk senders for SPF, DKIM and DMARC that stand in line
with the From address, and for an envelope domain that takes bounces.
"""

from collections.abc import Callable

from flashmail.doctor import dns_records
from flashmail.doctor.dns_records import DnsUnanswered, Zone
from flashmail.findings import Check, doubtful, good, wrong
from flashmail.preflight.circumstances import is_free_mail


def from_address(domain: str) -> Check:
    if is_free_mail(domain):
        return wrong(
            "sender",
            f"the From address is at {domain}",
            "Send from a domain of your own: FLASHMAIL_SENDER.",
        )
    return good("sender", f"the From address is at {domain}")


def believed(
    zone: Zone, sender: str, bounces: str, selectors: tuple[str, ...]
) -> list[Check]:
    """Check all that can be asked about the two domains of a mail."""
    questions = (
        ("SPF", lambda: _spf(zone, sender, bounces)),
        ("DKIM", lambda: _dkim(zone, sender, selectors)),
        ("DMARC", lambda: _dmarc(zone, sender, bounces)),
        ("bounces", lambda: _mx(zone, bounces)),
        ("BIMI", lambda: _bimi(zone, sender)),
    )
    return [_answered(name, question) for name, question in questions]


def _answered(name: str, question: Callable[[], Check]) -> Check:
    try:
        return question()
    except DnsUnanswered as failure:
        return doubtful(name, str(failure), "Try again; the name servers were silent.")


def _spf(zone: Zone, sender: str, bounces: str) -> Check:
    found = dns_records.follow(zone, bounces)
    if not found.record:
        return wrong(
            "SPF",
            f"{bounces} has no SPF record",
            f'Add a TXT record "v=spf1 include:YOUR-PROVIDER ~all" at {bounces}.',
        )
    if found.problems:
        remedy = "Take out what is not needed; receivers treat it as broken."
        return wrong("SPF", f"{bounces}: {'; '.join(found.problems)}", remedy)
    if found.last in ("", "all", "+all", "?all"):
        says = f"{bounces} ends with {found.last or 'nothing'}, which vouches for all"
        return doubtful("SPF", says, "End it with ~all or -all.")
    return good("SPF", f"{bounces}: {found.lookups} look-ups, {found.last}")


def _dkim(zone: Zone, sender: str, selectors: tuple[str, ...]) -> Check:
    found = [
        key for key in dns_records.keys(zone, sender, selectors) if not key.revoked
    ]
    if not found:
        asked = ", ".join(selectors or dns_records.USUAL)
        remedy = "Name yours with --selector, or have your provider sign your domain."
        says = f"{sender} has no key at {asked}"
        return (wrong if selectors else doubtful)("DKIM", says, remedy)
    weakest = min(found, key=lambda key: key.bits if key.kind == "rsa" else 10_000)
    says = ", ".join(f"{key.selector}: {key.kind} {key.bits}" for key in found)
    if weakest.bits < dns_records.FEWEST and weakest.kind == "rsa":
        return wrong("DKIM", says, f"Make {weakest.selector} a key of 2048 bits.")
    if weakest.bits < dns_records.ENOUGH and weakest.kind == "rsa":
        return doubtful("DKIM", says, f"Make {weakest.selector} a key of 2048 bits.")
    return good("DKIM", says)


def _dmarc(zone: Zone, sender: str, bounces: str) -> Check:
    found = dns_records.policy_of(zone, sender)
    if found is None or found.policy not in dns_records.POLICIES:
        remedy = (
            f'Add a TXT record "v=DMARC1; p=none; rua=mailto:..." at _dmarc.{sender}.'
        )
        return wrong("DMARC", f"{sender} has no DMARC policy", remedy)
    says = f"{found.domain}: p={found.policy}"
    if not dns_records.aligned(sender, bounces, strict=found.strict("aspf")):
        remedy = (
            "Then DKIM has to be in line: let the provider sign for the From domain."
        )
        return doubtful("DMARC", f"{says}, but {bounces} is not in line", remedy)
    return good("DMARC", f"{says}, {bounces} is in line")


def _mx(zone: Zone, bounces: str) -> Check:
    if not zone(bounces, "MX"):
        remedy = (
            "Add an MX record, or set FLASHMAIL_BOUNCE_DOMAIN to a domain with one."
        )
        return wrong("bounces", f"{bounces} takes no mail, so no bounces", remedy)
    return good("bounces", f"{bounces} takes mail")


def _bimi(zone: Zone, sender: str) -> Check:
    texts = zone(f"default._bimi.{sender}", "TXT")
    if not any(text.startswith("v=BIMI1") for text in texts):
        return good("BIMI", "no logo, which is optional")
    policy = dns_records.policy_of(zone, sender)
    if (
        policy is None
        or policy.policy == "none"
        or policy.tags.get("pct", "100") != "100"
    ):
        says = "there is a logo, but DMARC is not quarantine or reject at 100 %"
        return doubtful("BIMI", says, "Mail programs will not show it.")
    return good("BIMI", "there is a logo, and DMARC allows it")
