"""Put together from the settings: engine, links, renderer, transport, worker.

The only reader of Settings, but for `home`, which makes a place for them. Each function
imports what it puts together, so that a command loads nothing that it does not use.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flashmail.database import clock_of, connect, reading, transaction
from flashmail.home import SEGMENTS, TOPICS, own, packaged
from flashmail.links import Links, Tokens
from flashmail.settings import PREFIX, DispatchName, Settings, TransportName, load

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from flashmail.audience.segment import Segment
    from flashmail.audience.topics import TopicEntry
    from flashmail.campaigns.content import MailKit, Sender
    from flashmail.delivery.dispatch import Dispatch
    from flashmail.delivery.worker import Worker
    from flashmail.doctor import Check, Installation
    from flashmail.rendering import Renderer
    from flashmail.staff.oidc import Provider
    from flashmail.tracking.seeds import SeedResult
    from flashmail.transactional.queue import TransactionalSender
    from flashmail.transports import Transport
    from flashmail.transports.outbox import Outbox

#: Batches that one worker has in hand: one goes out while another is claimed or booked.
LANES = 2

#: Where nothing is kept.
IN_MEMORY = "sqlite://"


def engine(settings: Settings) -> Engine:
    """Connect to the database, and give a new one its tables."""
    from flashmail import migrations

    made = connect(settings.database)
    if migrations.is_empty(made):
        migrations.upgrade(made)
    migrations.require_current(made)
    return made


def topics(home: Path) -> tuple[TopicEntry, ...]:
    """Read the home's topics."""
    from flashmail.audience.topics import parse_topics

    return parse_topics(own(home, f"subscribers/{TOPICS}").read_text())


def segments_of_file(home: Path) -> dict[str, Segment]:
    """Read the segments of the home's file, by name."""
    from flashmail.audience.segment import parse_segments

    text = own(home, f"subscribers/{SEGMENTS}").read_text()
    return {each.name: each for each in parse_segments(text)}


def segments(home: Path, made: Engine) -> dict[str, Segment]:
    """Return the home's segments by name: the file's, and those made in the page."""
    from flashmail.audience.saved_segments import merged

    with reading(made) as session:
        return merged(session, segments_of_file(home))


def segment(home: Path, name: str, made: Engine) -> Segment:
    """Return a segment of the home by its name."""
    from flashmail.audience.saved_segments import named

    with reading(made) as session:
        return named(session, segments_of_file(home), name)


def count_everybody(made: Engine, home: Path | None, *, now: datetime) -> None:
    """Count people by status, topic and segment, and keep it as today's count.

    Counting a million takes seconds, in which nobody has to wait for it.
    """
    from flashmail.audience.counts import heads, keep_heads

    known = segments(home, made) if home else {}
    with reading(made) as session:
        counted = heads(session, known)
    with transaction(made) as session:
        keep_heads(session, counted, now=now)


def engine_with_topics(settings: Settings) -> Engine:
    """Connect, and bring the topic table in line with the home's topics."""
    from flashmail.audience.topics import sync_topics

    made = engine(settings)
    with transaction(made) as session:
        sync_topics(session, topics(settings.home))
    return made


def load_or_sample(home: Path) -> Settings:
    """Return the home's settings, or sample ones where none were made yet.

    Enough to look at a brief with; nothing can be sent before 'flashmail init'.
    """
    if (home / ".env").exists() or f"{PREFIX}SENDER" in os.environ:
        return load(home)
    return sample(home)


def sample(home: Path) -> Settings:
    """Return settings to look at a brief with; nothing is kept or sent by them."""
    from pydantic import SecretStr

    return Settings(
        home=home,
        database_url=IN_MEMORY,
        secret_key=SecretStr(secrets.token_hex(32)),
        sender="Flash Briefs <briefs@example.org>",
        postal_address="Your postal address will stand here",
    )


def tokens(settings: Settings) -> Tokens:
    return Tokens.of(settings.secrets)


def links(settings: Settings) -> Links:
    return Links(settings.base_url)


def sender(settings: Settings) -> Sender:
    from flashmail.campaigns.content import Sender

    return Sender(settings.sender_name, settings.sender_address, settings.mail_domain)


def renderer(settings: Settings) -> Renderer:
    from flashmail.rendering import Renderer, Site

    site = Site(settings.sender_name, settings.postal_address, settings.base_url)
    return Renderer(_template_folders(settings.home), site)


def mail_kit(settings: Settings) -> MailKit:
    """Return all that the installation makes mails with."""
    from flashmail.campaigns.content import MailKit

    return MailKit(
        renderer(settings), sender(settings), links(settings), settings.postal_address
    )


def _template_folders(home: Path) -> list[Path]:
    return list(dict.fromkeys([own(home, "templates"), packaged("templates")]))


def oidc(settings: Settings) -> Provider | None:
    """Return the identity provider that the settings name, if any."""
    from flashmail.staff.oidc import Provider

    if not settings.oidc_issuer:
        return None
    assert settings.oidc_client_secret is not None
    return Provider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret.get_secret_value(),
        f"{settings.base_url}/sign-in/oidc/back",
    )


def transactional_sender(settings: Settings, made: Engine) -> TransactionalSender:
    from flashmail.transactional.queue import TransactionalSender

    way_out = partial(transport, settings)
    return TransactionalSender(made, way_out, mail_kit(settings), tokens(settings))


def outbox(settings: Settings) -> Outbox:
    from flashmail.transports.outbox import Outbox

    return Outbox(settings.home / "outbox")


def transport(settings: Settings) -> Transport:
    """Return the way out that the settings name, with the second one behind it.

    In training there is none but the outbox, whatever the settings name.
    """
    from flashmail.transports.base import Failover

    if settings.training:
        return outbox(settings)
    first = _transport(settings, settings.transport)
    if settings.failover is None:
        return first
    return Failover(first, _transport(settings, settings.failover))


def _transport(settings: Settings, name: TransportName) -> Transport:
    import httpx2 as httpx

    from flashmail.transports.sendgrid import SendGrid
    from flashmail.transports.smtp import Smtp, SmtpSettings

    if name is TransportName.SMTP:
        assert settings.smtp_url is not None
        url = SmtpSettings.parse(settings.smtp_url.get_secret_value())
        return Smtp(url, connections=settings.smtp_connections)
    if name is TransportName.SENDGRID:
        assert settings.sendgrid_api_key is not None
        key = settings.sendgrid_api_key.get_secret_value()
        return SendGrid(
            httpx.AsyncClient(
                base_url=settings.sendgrid_url,
                headers={"Authorization": f"Bearer {key}"},
            )
        )
    return outbox(settings)


def patient(settings: Settings) -> Installation:
    """Return what the doctor examines."""
    from flashmail.doctor import Installation, checks
    from flashmail.transports.smtp import SmtpSettings

    used = {settings.transport, settings.failover} - {None}
    asked: list[Callable[[], Check]] = []
    if TransportName.SMTP in used:
        assert settings.smtp_url is not None
        server = SmtpSettings.parse(settings.smtp_url.get_secret_value())
        asked.append(partial(checks.smtp, server))
    if TransportName.SENDGRID in used:
        assert settings.sendgrid_api_key is not None
        key = settings.sendgrid_api_key.get_secret_value()
        asked.append(partial(checks.sendgrid, settings.sendgrid_url, key))
    return Installation(
        home=settings.home,
        sender=settings.sender_address.rpartition("@")[2],
        bounces=settings.mail_domain,
        base_url=settings.base_url,
        ways=asked,
        leaves=used != {TransportName.OUTBOX},
    )


def dispatch(settings: Settings, made: Engine) -> Dispatch:
    """Return how the workers learn that there is something to send."""
    from flashmail.delivery import dispatch_procrastinate
    from flashmail.delivery.dispatch import Polling

    if settings.dispatch is DispatchName.POLLING:
        return Polling()
    dispatch_procrastinate.require_prepared(made)
    return dispatch_procrastinate.Procrastinate(made)


def engagement_kept(settings: Settings) -> timedelta | None:
    """Return how long a campaign's opens and clicks may be people's; None: for ever."""
    days = settings.engagement_days
    return timedelta(days=days) if days else None


def seeds_looked_after(settings: Settings, made: Engine) -> Callable[[], None] | None:
    """Return what looks into the seeds' mailboxes and raises alarms; None without."""
    from flashmail.tracking.seeds import raise_alarm, seed_results

    if not settings.seeds:
        return None
    told: set[SeedResult] = set()

    def look() -> None:
        with reading(made) as session:
            found = seed_results(
                session,
                tokens(settings),
                settings.seeds,
                late_after=timedelta(seconds=settings.seeds_late_after_seconds),
                now=datetime.now(UTC),
            )
        raise_alarm(found, told)

    return look


def worker(settings: Settings, made: Engine) -> Worker:
    from flashmail.delivery.rate_limit import Limits
    from flashmail.delivery.worker import Worker
    from flashmail.digests.composing import digest_of

    return Worker(
        made,
        transport(settings),
        tokens(settings),
        clock=clock_of(made),
        missed_after=timedelta(seconds=settings.missed_after_seconds),
        home=settings.home,
        limits=Limits(
            settings.rate_per_second, settings.rate_per_hour, settings.warm_up_from
        ),
        lanes=LANES,
        tracking=settings.tracking,
        dispatch=dispatch(settings, made),
        make_digest=partial(
            digest_of,
            renderer=renderer(settings),
            sender=sender(settings),
            links=links(settings),
        ),
    )
