"""The ways out: is somebody there, and are we let in? Nothing is sent."""

import shutil
import smtplib
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx

from flashmail.doctor import domain
from flashmail.doctor.dns_records import Zone
from flashmail.findings import Check, doubtful, good, wrong
from flashmail.transports.smtp import SmtpSettings, Tls

#: Bytes: with less space, accounting will soon stop sending.
LITTLE = 1_000_000_000


@dataclass(frozen=True)
class Installation:
    """What an installation is like; `ways` are asked one by one."""

    home: Path
    sender: str  # the domain of the From address
    bounces: str  # that of the envelope sender
    base_url: str
    ways: Sequence[Callable[[], Check]]
    leaves: bool  # whether mail leaves this machine at all
    unscheduled: int = 0  # readers of briefs that no digest will bring


def examine(
    patient: Installation, zone: Zone, selectors: tuple[str, ...] = ()
) -> list[Check]:
    """Look at everything; what can be asked of others only where mail leaves."""
    checks = [_home(patient.home), _links(patient), _digests(patient)]
    checks += [way() for way in patient.ways]
    if patient.leaves:
        checks.append(domain.from_address(patient.sender))
        checks += domain.believed(zone, patient.sender, patient.bounces, selectors)
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


def _digests(patient: Installation) -> Check:
    if n := patient.unscheduled:
        readers = "reader is" if n == 1 else "readers are"
        return doubtful(
            "digests",
            f"{n:,} {readers} owed briefs that no schedule will bring",
            "Let a schedule be for them: see 'flashmail schedule list'.",
        )
    return good("digests", "whoever reads digests gets them")


def _links(patient: Installation) -> Check:
    if patient.leaves and not patient.base_url.startswith("https://"):
        remedy = "Set FLASHMAIL_BASE_URL to an https address that readers reach."
        return wrong("links", f"links begin with {patient.base_url}", remedy)
    return good("links", f"links begin with {patient.base_url}")


#: Seconds until a server counts as not there.
PATIENCE = 10.0

SEND, READ = "mail.send", "messages.read"

#: What a key for sending may be able to do besides, without danger.
HARMLESS = ("mail.", "messages.read", "2fa_", "sender_verification_")


def smtp(server: SmtpSettings, trust: ssl.SSLContext | None = None) -> Check:
    """Connect, encrypt and sign in as for sending, and leave."""
    where = f"{server.host}:{server.port}"
    try:
        with _connected(server, trust or ssl.create_default_context()) as connection:
            if server.user:
                connection.login(server.user, server.password)
            offers = sorted(connection.esmtp_features)
    except smtplib.SMTPNotSupportedError as refusal:
        return wrong("SMTP", f"{where}: {refusal}", "Use smtps://, or another server.")
    except smtplib.SMTPAuthenticationError as refusal:
        return wrong(
            "SMTP", f"{where}: {refusal}", "Mend user and password in the URL."
        )
    except (OSError, smtplib.SMTPException) as failure:
        return wrong("SMTP", f"{where}: {failure}", "Mend FLASHMAIL_SMTP_URL.")
    if "pipelining" not in offers:
        remedy = "It works; a server with PIPELINING is several times as fast."
        return doubtful("SMTP", f"{where} does not offer PIPELINING", remedy)
    return good("SMTP", f"{where} lets us in; it offers {', '.join(offers)}")


def _connected(server: SmtpSettings, trust: ssl.SSLContext) -> smtplib.SMTP:
    if server.tls is Tls.IMPLICIT:
        return smtplib.SMTP_SSL(
            server.host, server.port, timeout=PATIENCE, context=trust
        )
    connection = smtplib.SMTP(server.host, server.port, timeout=PATIENCE)
    if server.tls is Tls.STARTTLS:
        connection.starttls(context=trust)
    connection.ehlo()
    return connection


def sendgrid(url: str, key: str) -> Check:
    """Ask SendGrid what the key may do; a stolen one should be good for little."""
    headers = {"Authorization": f"Bearer {key}"}
    try:
        answer = httpx.get(f"{url}/v3/scopes", headers=headers, timeout=PATIENCE)
        answer.raise_for_status()
        scopes = [str(each) for each in answer.json()["scopes"]]
    except httpx.HTTPStatusError as refusal:
        said = f"SendGrid answered {refusal.response.status_code}"
        return wrong("SendGrid", said, "Mend FLASHMAIL_SENDGRID_API_KEY.")
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as failure:
        said = f"SendGrid cannot be asked: {failure}"
        return wrong("SendGrid", said, "Mend FLASHMAIL_SENDGRID_URL.")
    return _scopes(scopes)


def _scopes(scopes: Iterable[str]) -> Check:
    scopes = set(scopes)
    if SEND not in scopes:
        remedy = "Give the key the permission 'Mail Send'."
        return wrong("SendGrid", "the key may not send mail", remedy)
    more = sorted(each for each in scopes if not each.startswith(HARMLESS))
    if more:
        says = f"the key may do more than send: {', '.join(more[:3])}"
        says += f" and {len(more) - 3} more" if len(more) > 3 else ""
        return doubtful("SendGrid", says, "Use a key with 'Mail Send' alone.")
    return good("SendGrid", "the key may send mail, and little else")
