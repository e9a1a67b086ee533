"""The environment, read once and typed; .env.example says what each setting is for."""

import os
from collections.abc import Mapping
from datetime import date
from email.utils import parseaddr
from enum import StrEnum
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from dotenv import dotenv_values
from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from flashmail.errors import WrongInput

PREFIX = "FLASHMAIL_"

SECRET_LENGTH = 32


class TransportName(StrEnum):
    """The ways out that can be chosen."""

    OUTBOX = "outbox"
    SMTP = "smtp"
    SENDGRID = "sendgrid"


class DispatchName(StrEnum):
    """How workers learn that there is something to send."""

    POLLING = "polling"
    PROCRASTINATE = "procrastinate"


class Tracking(StrEnum):
    """Which readers get pixels and links of their own: their engagement is known."""

    REFUSABLE = "refusable"  # everyone's but after a no
    CONSENT = "consent"  # only after a yes
    OFF = "off"


class LogForm(StrEnum):
    """How a line of the log looks."""

    PLAIN = "plain"
    JSON = "json"


def _public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is an address such as https://briefs.example.org")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("has no query, fragment or user in it")
    return url.rstrip("/")


def _issuer(url: str) -> str:
    parts = urlsplit(url)
    bare = parts.scheme == "http" and not is_loopback(parts.hostname or "")
    if url and (bare or parts.scheme not in {"http", "https"} or parts.query):
        raise ValueError("is an https:// address, as https://login.example.org")
    return url


def _sender(text: str) -> str:
    name, address = parseaddr(text)
    if not name or not address or text.count("@") != 1:
        raise ValueError("is 'Name <address>', as in 'Briefs <briefs@example.org>'")
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as problem:
        raise ValueError(f"holds {address!r}: {problem}") from None
    return text


def _seeds(text: object) -> object:
    """Read `provider=/path/of/a/Maildir`, several of them separated by commas."""
    if not isinstance(text, str):
        return text
    pairs = [each.partition("=") for each in text.split(",") if each.strip()]
    if not all(name.strip() and path.strip() for name, _, path in pairs):
        raise ValueError("is provider=/path/of/Maildir, separated by commas")
    return {name.strip(): path.strip() for name, _, path in pairs}


def _proxies(text: object) -> object:
    """Read addresses and networks separated by commas."""
    if not isinstance(text, str):
        return text
    found = tuple(each.strip() for each in text.split(",") if each.strip())
    for each in found:
        try:
            ip_network(each)
        except ValueError as problem:
            raise ValueError(f"holds no address or network: {problem}") from None
    return found


def _long(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < SECRET_LENGTH:
        raise ValueError(f"has at least {SECRET_LENGTH} characters; make one with init")
    return secret


#: Settings of earlier names, each with the one that it has now.
RENAMED = {
    f"{PREFIX}RATE": f"{PREFIX}RATE_PER_SECOND",
    f"{PREFIX}LOG": f"{PREFIX}LOG_FORMAT",
    f"{PREFIX}MISSED_AFTER": f"{PREFIX}MISSED_AFTER_SECONDS",
    f"{PREFIX}SEEDS_LATE_AFTER": f"{PREFIX}SEEDS_LATE_AFTER_SECONDS",
    f"{PREFIX}PROXIES": f"{PREFIX}TRUSTED_PROXIES",
}

Secret = Annotated[SecretStr, AfterValidator(_long)]


class Settings(BaseSettings):
    """What differs between one installation and the next."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", env_ignore_empty=True
    )

    home: Path = Path()
    database_url: Annotated[str, Field(repr=False)] = ""
    dispatch: DispatchName = DispatchName.POLLING
    base_url: Annotated[str, AfterValidator(_public_url)] = "http://127.0.0.1:8000"
    trusted_proxies: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_proxies)
    ] = ()
    secret_key: Secret
    old_secret_keys: Annotated[tuple[Secret, ...], NoDecode] = ()
    sender: Annotated[str, AfterValidator(_sender)]
    postal_address: Annotated[str, Field(min_length=8)]
    transport: TransportName = TransportName.OUTBOX
    failover: TransportName | None = None
    training: bool = False
    rate_per_second: Annotated[float, Field(ge=0)] = 0
    rate_per_hour: Annotated[int, Field(ge=0)] = 0
    warm_up_from: date | None = None
    oidc_issuer: Annotated[str, AfterValidator(_issuer)] = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None
    smtp_url: SecretStr | None = None
    smtp_connections: Annotated[int, Field(ge=1, le=200)] = 10
    sendgrid_api_key: SecretStr | None = None
    sendgrid_url: Annotated[str, AfterValidator(_public_url)] = (
        "https://api.sendgrid.com"
    )
    sendgrid_webhook_key: str = ""
    bounce_domain: str = ""
    missed_after_seconds: Annotated[int, Field(ge=1)] = 900
    tracking: Tracking = Tracking.REFUSABLE
    log_format: LogForm = LogForm.PLAIN
    engagement_days: Annotated[int, Field(ge=0)] = 0
    seeds: Annotated[dict[str, Path], NoDecode, BeforeValidator(_seeds)] = {}
    seeds_late_after_seconds: Annotated[int, Field(ge=1)] = 300

    @model_validator(mode="before")
    @classmethod
    def _split_keys(cls, values: Any) -> Any:
        old = values.get("old_secret_keys")
        if isinstance(old, str):
            values["old_secret_keys"] = tuple(k.strip() for k in old.split(",") if k)
        return values

    @model_validator(mode="after")
    def _fits_together(self) -> "Settings":
        used = {self.transport, self.failover}
        if TransportName.SMTP in used and self.smtp_url is None:
            raise ValueError("smtp_url: is needed to send by smtp")
        if TransportName.SENDGRID in used and self.sendgrid_api_key is None:
            raise ValueError("sendgrid_api_key: is needed to send by sendgrid")
        if self.dispatch is DispatchName.PROCRASTINATE and not self.is_postgresql:
            raise ValueError("dispatch: procrastinate needs a postgresql database_url")
        if self.oidc_issuer and not (self.oidc_client_id and self.oidc_client_secret):
            raise ValueError("oidc_client_id: is needed with an issuer, and its secret")
        if self.failover is self.transport:
            raise ValueError("failover: is another transport than the first")
        if self.transport is not TransportName.OUTBOX and self.base_url_is_bare:
            raise ValueError(
                "base_url: begins with https:// (RFC 8058 asks it of one-click links)"
            )
        return self

    @property
    def base_url_is_bare(self) -> bool:
        """Whether links would travel without TLS to another machine."""
        parts = urlsplit(self.base_url)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")

    @property
    def sender_name(self) -> str:
        return parseaddr(self.sender)[0]

    @property
    def sender_address(self) -> str:
        return parseaddr(self.sender)[1]

    @property
    def mail_domain(self) -> str:
        """The domain of Message-IDs and of the envelope sender."""
        return self.bounce_domain or self.sender_address.rpartition("@")[2]

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'flashmail.db'}"

    @property
    def is_postgresql(self) -> bool:
        return self.database.startswith("postgresql")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret key, the newest first."""
        keys = (self.secret_key, *self.old_secret_keys)
        return tuple(key.get_secret_value() for key in keys)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can only be this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def load(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read HOME/.env and the environment, which wins; refuse everything wrong at once.

    HOME is the argument, else FLASHMAIL_HOME, else the working directory.
    """
    folder = home or Path(environ.get(f"{PREFIX}HOME", "."))
    _refuse_unknown(folder / ".env", environ)
    try:
        return Settings(_env_file=folder / ".env", home=folder)  # type: ignore[call-arg]
    except ValidationError as problems:
        raise WrongInput(_complaint(folder, problems)) from None


def _refuse_unknown(file: Path, environ: Mapping[str, str]) -> None:
    """A misspelt setting would be passed over in silence, and its default hold."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = dotenv_values(file)
    for name in RENAMED.keys() & {*given, *environ}:
        where = f"{file}: " if name in given else ""
        raise WrongInput(f"{where}{name} is called {RENAMED[name]} now: rename it")
    for name in given:
        if name.startswith(PREFIX) and name not in known:
            raise WrongInput(f"{file}: {name} is no setting; .env.example has them all")


def _complaint(folder: Path, problems: ValidationError) -> str:
    lines = [_problem(each) for each in problems.errors()]
    if not (folder / ".env").exists():
        lines.append("'flashmail init' makes a first .env.")
    return "\n".join(["these settings have to be mended:", *lines])


def _problem(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    where = str(error["loc"][0]) if error["loc"] else ""
    if not where:
        where, _, message = message.partition(": ")
    said = "is missing" if error["type"] == "missing" else message
    return f"  {PREFIX}{where.upper()} {said}"
