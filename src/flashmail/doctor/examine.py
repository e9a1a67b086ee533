"""The whole examination: what is looked at, in which order."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flashmail.doctor import names
from flashmail.doctor.check import Check, doubtful, good, wrong
from flashmail.doctor.zone import Zone

#: Bytes: with less space, accounting will soon stop sending.
LITTLE = 1_000_000_000


@dataclass(frozen=True)
class Patient:
    """What an installation is like; `ways` are asked one by one."""

    home: Path
    sender: str  # the domain of the From address
    bounces: str  # that of the envelope sender
    base_url: str
    ways: Sequence[Callable[[], Check]]
    leaves: bool  # whether mail leaves this machine at all
    unscheduled: int = 0  # readers who are owed what no digest will bring


def examine(
    patient: Patient, zone: Zone, selectors: tuple[str, ...] = ()
) -> list[Check]:
    """Look at everything; what can be asked of others only where mail leaves."""
    checks = [_home(patient.home), _links(patient), _digests(patient)]
    checks += [way() for way in patient.ways]
    if patient.leaves:
        checks.append(names.from_address(patient.sender))
        checks += names.believed(zone, patient.sender, patient.bounces, selectors)
    return checks


def _home(home: Path) -> Check:
    mode = (home / ".env").stat().st_mode if (home / ".env").exists() else 0
    if mode & 0o077:
        remedy = f"chmod 600 {home / '.env'}"
        return wrong("home", "others on this machine can read .env", remedy)
    free = shutil.disk_usage(home).free
    if free < LITTLE:
        says = f"{free / 1e6:,.0f} MB are left on the disk"
        return doubtful("home", says, "Make room; a full disk stops sending.")
    return good("home", f"{free / 1e9:,.0f} GB are left on the disk")


def _digests(patient: Patient) -> Check:
    if n := patient.unscheduled:
        readers = "reader is" if n == 1 else "readers are"
        return doubtful(
            "digests",
            f"{n:,} {readers} owed briefs that no schedule will bring",
            "Let a schedule be for them: see 'flashmail schedule list'.",
        )
    return good("digests", "whoever reads digests gets them")


def _links(patient: Patient) -> Check:
    if patient.leaves and not patient.base_url.startswith("https://"):
        remedy = "Set FLASHMAIL_BASE_URL to an https address that readers reach."
        return wrong("links", f"links begin with {patient.base_url}", remedy)
    return good("links", f"links begin with {patient.base_url}")
