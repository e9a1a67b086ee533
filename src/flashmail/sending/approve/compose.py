"""Compose: a rendered brief gets the header lines of a mailing, and becomes a draft."""

from dataclasses import dataclass, replace

from flashmail.audience.segment import Segment
from flashmail.links import Links, envelope_sender
from flashmail.message import TOKEN, Message, mark
from flashmail.model import Frequency, Priority
from flashmail.sending.campaigns import CampaignContent


@dataclass(frozen=True)
class Sender:
    """Who mails are from; `domain` is that of Message-IDs and bounces."""

    name: str
    address: str
    domain: str


def compose(
    message: Message,
    destinations: tuple[str, ...],
    *,
    segment: Segment,
    topics: tuple[str, ...],
    template: str,
    priority: Priority,
    sender: Sender,
    links: Links,
    frequency: Frequency = Frequency.INSTANT,
) -> CampaignContent:
    """Return a draft of the whole mail, headers and all, ready to be approved."""
    return CampaignContent(
        message=replace(
            message,
            headers=_headers(sender, links),
            envelope_sender=envelope_sender(sender.domain),
        ),
        segment=segment,
        topics=topics,
        template=template,
        priority=priority,
        destinations=destinations,
        frequency=frequency,
    )


def _headers(sender: Sender, links: Links) -> tuple[tuple[str, str], ...]:
    return (
        ("From", f"{sender.name} <{sender.address}>"),
        ("Message-ID", f"<{mark(TOKEN)}@{sender.domain}>"),
        # One identity for life (RFC 2919): readers' filters hang on it.
        ("List-Id", f"{sender.name} <briefs.{sender.domain}>"),
        ("List-Post", "NO"),
        # RFC 8058: exactly one https address, and exactly these words in the second.
        ("List-Unsubscribe", f"<{links.unsubscribe()}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Precedence", "bulk"),
    )
