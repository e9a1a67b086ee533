"""Where the SMTP server is, and how much it is trusted."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from flashmail.errors import WrongInput


class Tls(StrEnum):
    """When a connection is encrypted. Certificates are verified always."""

    IMPLICIT = "implicit"  # from its first byte (RFC 8314)
    STARTTLS = "starttls"  # after STARTTLS, without which nothing is sent (RFC 3207)
    NEVER = "never"


PORTS = {"smtp": 587, "smtps": 465}

STARTTLS = {"required": Tls.STARTTLS, "never": Tls.NEVER}

HINT = "as in smtp://user:password@mail.example.org:587 or smtps://mail.example.org"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each phase may take, in seconds (RFC 5321, section 4.5.3.2)."""

    connect: float = 30
    greeting: float = 300
    command: float = 300  # EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET
    data: float = 120
    block: float = 180
    # Given up too early, a mail that was taken would count as unknown.
    dot: float = 600


RFC_5321 = Timeouts()


@dataclass(frozen=True)
class SmtpSettings:
    """An SMTP server and what it knows us by."""

    host: str
    port: int
    tls: Tls = Tls.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.user and self.tls is Tls.NEVER and not self.is_loopback:
            raise WrongInput("the SMTP password would travel unencrypted; use STARTTLS")

    @classmethod
    def parse(cls, url: str) -> "SmtpSettings":
        """Read a URL: smtps:// or smtp://, which may say ?starttls=required or never.

        STARTTLS is required by default unless the server is on this machine. Raises
        WrongInput, with a text that never holds the URL: it may have a password in it.
        """
        parts, port = _split(url)
        host = parts.hostname or ""
        return cls(
            host=host,
            port=port,
            tls=_tls(parts, host),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    @property
    def is_loopback(self) -> bool:
        return _is_loopback(self.host)


def _split(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WrongInput(
            f"the SMTP URL has a wrong host or port; it is {HINT}"
        ) from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise WrongInput(f"the SMTP URL begins with smtp:// or smtps://, {HINT}")
    if parts.path not in ("", "/") or parts.fragment:
        raise WrongInput(f"the SMTP URL ends after its port; it is {HINT}")
    if bool(parts.username) != bool(parts.password):
        raise WrongInput(f"the SMTP URL has a user and a password or neither, {HINT}")
    # Port 0 would be any.
    return parts, PORTS[parts.scheme] if port is None else port or _no_port()


def _no_port() -> int:
    raise WrongInput("the SMTP URL's port is 1 to 65535")


def _tls(parts: SplitResult, host: str) -> Tls:
    asked = parse_qs(parts.query, keep_blank_values=True)
    if asked.keys() - {"starttls"} or (asked and parts.scheme == "smtps"):
        raise WrongInput("an SMTP URL can have ?starttls=, and an smtps one nothing")
    if parts.scheme == "smtps":
        return Tls.IMPLICIT
    if not asked:
        return Tls.NEVER if _is_loopback(host) else Tls.STARTTLS
    if asked["starttls"][-1] not in STARTTLS:
        raise WrongInput(f"starttls= is one of: {', '.join(STARTTLS)}")
    return STARTTLS[asked["starttls"][-1]]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
