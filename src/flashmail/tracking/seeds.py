"""Seeds: mailboxes of our own at the large providers, which witness urgent mail.

They are subscribers like others, with the provider's name in the attribute "seed". What
arrives for them is fetched into a Maildir for each provider (by fetchmail or the like):
there it is found by our own token, so no stranger's mail is taken for ours.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from sqlalchemy import select
from sqlmodel import Session, col

from flashmail.bounces.mail import CUR, NEW, content, take_apart
from flashmail.links import BadToken, Purpose, Tokens
from flashmail.model import Campaign, Delivery, DeliveryState, Priority, Subscriber

logger = logging.getLogger(__name__)

ATTRIBUTE = "seed"

#: Urgent campaigns are looked after for so long.
LOOKED_AFTER = timedelta(days=1)

#: Folders of a Maildir (Maildir++) that their owner rarely looks into.
SPAM = re.compile("spam|junk|bulk", re.IGNORECASE)

MESSAGE_ID = re.compile(r"<([0-9a-f]{48})@", re.IGNORECASE)

LEAVE = re.compile(r"/u/([0-9a-f]{48})", re.IGNORECASE)

WAITING = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.ARMED)

Pair = tuple[int, int]  # (campaign id, subscriber id)


@dataclass(frozen=True)
class SeedArrival:
    """A mail of ours in a seed's mailbox."""

    at: datetime
    spam: bool


@dataclass(frozen=True)
class SeedResult:
    """What a seed says of an urgent campaign.

    `seconds` is from the campaign's beginning to the mailbox; None while nothing came.
    """

    campaign_id: int
    provider: str
    address: str
    seconds: float | None
    spam: bool
    late: bool

    @property
    def words(self) -> str:
        """Return what there is to say, for a person."""
        if self.seconds is None:
            return "has not arrived" + (", and is late" if self.late else " yet")
        where = "among the spam" if self.spam else "in the inbox"
        return f"{where} after {self.seconds:,.0f} s" + (", late" if self.late else "")

    @property
    def alarming(self) -> bool:
        return self.late or self.spam


def seed_results(
    session: Session,
    tokens: Tokens,
    folders: Mapping[str, Path],
    *,
    late_after: timedelta,
    now: datetime,
) -> list[SeedResult]:
    """Return what the seeds say of the urgent campaigns of the last day."""
    arrived = {
        provider: dict(_arrivals(folder, tokens))
        for provider, folder in folders.items()
    }
    found = []
    for campaign_id, began, reader, address, provider in _expected(session, now):
        if provider in arrived:
            arrival = arrived[provider].get((campaign_id, reader))
            took = (arrival.at if arrival else now) - began
            found.append(
                SeedResult(
                    campaign_id,
                    provider,
                    address,
                    max(took.total_seconds(), 0) if arrival else None,
                    arrival.spam if arrival else False,
                    took > late_after,
                )
            )
    return found


def raise_alarm(found: list[SeedResult], told: set[SeedResult]) -> None:
    """Write what is alarming into the log, once each; `told` is what was said."""
    for each in found:
        if each.alarming and each not in told:
            told.add(each)
            logger.error(
                "urgent campaign %d at %s: %s",
                each.campaign_id,
                each.provider,
                each.words,
            )


def _expected(
    session: Session, now: datetime
) -> Iterator[tuple[int, datetime, int, str, str]]:
    provider = col(Subscriber.attributes)[ATTRIBUTE].as_string()
    rows = session.execute(
        select(
            col(Campaign.id),
            col(Campaign.started_at),
            col(Subscriber.id),
            col(Subscriber.address),
            provider,
        )
        .join(Delivery, col(Delivery.campaign_id) == col(Campaign.id))
        .join(Subscriber, col(Subscriber.id) == col(Delivery.subscriber_id))
        .where(col(Campaign.priority) == Priority.URGENT)
        .where(col(Campaign.started_at) > now - LOOKED_AFTER)
        .where(provider.is_not(None), provider != "")
        .where(col(Delivery.state) != DeliveryState.SKIPPED)
        .order_by(col(Campaign.id), col(Subscriber.id))
    )
    yield from ((row[0], row[1], row[2], row[3], row[4]) for row in rows)


def _arrivals(folder: Path, tokens: Tokens) -> Iterator[tuple[Pair, SeedArrival]]:
    """Yield the deliveries of mails in a Maildir and its folders, and since when."""
    for place in (folder, *sorted(folder.glob(".*"))):
        for box in (place / NEW, place / CUR):
            for file in sorted(box.iterdir()) if box.is_dir() else ():
                if pair := _ours(file, tokens):
                    spam = place != folder and SPAM.search(place.name) is not None
                    yield pair, SeedArrival(_moment(file), spam)


def _ours(file: Path, tokens: Tokens) -> Pair | None:
    """Return which delivery a mail is: by its Message-ID, or by its way to leave, as
    some providers write a Message-ID of their own."""
    mail = take_apart(content(file))
    for pattern, purpose, names in (
        (MESSAGE_ID, Purpose.WATCH, ("Message-ID", "X-Original-Message-ID")),
        (LEAVE, Purpose.LEAVE, ("List-Unsubscribe",)),
    ):
        for text in mail.fields(*names):
            if found := pattern.search(text):
                try:
                    return tokens.read(purpose, found[1].lower())
                except BadToken:
                    continue
    return None


def _moment(file: Path) -> datetime:
    """Return when a mail reached its mailbox: as the last server wrote (RFC 5321, 4.4),
    else as the file says."""
    last = take_apart(content(file)).field("Received").rpartition(";")[2]
    try:
        at = parsedate_to_datetime(last.strip())
    except (TypeError, ValueError, IndexError):
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
