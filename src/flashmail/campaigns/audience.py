"""The audience of a campaign: its segment, or the readers of what it amends.

This is what an approval is bound to. What holds a mail back for a while (quiet hours, a
limit for each day) is no part of it: it changes with the hour.
"""

import hashlib
import sys
import zlib
from array import array
from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, String, and_, cast, func, or_, select
from sqlmodel import Session, col

from flashmail.audience.segment import Segment
from flashmail.audience.selection import audience_query, mailable
from flashmail.model import (
    AmendmentKind,
    Campaign,
    Delivery,
    DeliveryState,
    DigestItem,
    DigestItemState,
    Priority,
    Subscriber,
)

#: Ids are unsigned numbers of 32 bits, as in the tokens of links.
FORM = "I"


def read_ids(session: Session, query: Select[Any]) -> list[int]:
    """Return the ids that a query finds, in no order.

    They come as one text: a million rows take ten times as long.
    """
    number = query.subquery().c[0]
    text = session.scalar(select(func.aggregate_strings(cast(number, String), ",")))
    ids: list[int] = orjson.loads(f"[{text or ''}]")
    return ids


def pack_ids(ids: Iterable[int]) -> bytes:
    """Return subscriber ids as bytes; the order in which they come does not matter."""
    return zlib.compress(_plain(ids))


def unpack_ids(packed: bytes) -> frozenset[int]:
    """Read what `pack` wrote."""
    return frozenset(_numbers(packed))


def sample_ids(packed: bytes, count: int) -> list[int]:
    """Return some of an audience, spread over all of it."""
    numbers = _numbers(packed)
    return list(numbers[:: max(len(numbers) // count, 1)])[:count]


def hash_ids(ids: Iterable[int]) -> str:
    """Return the SHA-256 of a set of subscriber ids; one more, and it differs."""
    return hashlib.sha256(_plain(ids)).hexdigest()


def _numbers(packed: bytes) -> "array[int]":
    numbers = array(FORM)
    numbers.frombytes(zlib.decompress(packed))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _plain(ids: Iterable[int]) -> bytes:
    numbers = array(FORM, sorted(ids))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()


#: Deliveries by which a mail arrived, or may have.
REACHED = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.UNKNOWN)


def reachable(session: Session, campaign: Campaign) -> Select[Any]:
    """Return a query for the ids of all that a campaign may reach now, each once."""
    if campaign.is_digest:
        return digest_readers(campaign)
    if campaign.amendment_kind is not None:
        return amendment_readers(campaign)
    return audience_query(
        session,
        Segment.from_json(campaign.audience),
        urgent=campaign.priority == Priority.URGENT,
    )


def digest_readers(campaign: Campaign) -> Select[Any]:
    """Return a query for the readers of a digest campaign.

    Readers that left since are among them: the claim skips them, and says why.
    """
    return (
        select(col(DigestItem.subscriber_id))
        .where(col(DigestItem.digest_campaign_id) == campaign.id)
        .where(col(DigestItem.state) == DigestItemState.BUNDLED)
        .distinct()
    )


def amendment_readers(campaign: Campaign) -> Select[Any]:
    """Return a query for those among the readers of a campaign that this one is for.

    The mended brief goes to those that surely did not get the first one, everything
    else to those that did or may have: no reader is among both, none among neither.
    """
    rest = campaign.amendment_kind is AmendmentKind.REST
    first = select(col(Delivery.subscriber_id)).where(
        col(Delivery.campaign_id) == campaign.amends_id,
        not_received() if rest else _reached(),
    )
    got = first if rest else first.union(_by_digest(campaign))
    return (
        select(col(Subscriber.id)).where(col(Subscriber.id).in_(got)).where(*mailable())
    )


def _by_digest(campaign: Campaign) -> Select[Any]:
    """Return a query for readers that got the first one late, unamended."""
    return (
        select(col(DigestItem.subscriber_id))
        .join(
            Delivery,
            and_(
                col(Delivery.campaign_id) == col(DigestItem.digest_campaign_id),
                col(Delivery.subscriber_id) == col(DigestItem.subscriber_id),
            ),
        )
        .where(col(DigestItem.campaign_id) == campaign.amends_id)
        .where(col(DigestItem.state) == DigestItemState.BUNDLED, _reached())
    )


def _reached() -> ColumnElement[bool]:
    return col(Delivery.state).in_(REACHED)


def not_received() -> ColumnElement[bool]:
    """Return the condition that somebody surely did not get a mail, but could have."""
    state = col(Delivery.state)
    blocked = and_(state == DeliveryState.FAILED, col(Delivery.retryable))
    return or_(state == DeliveryState.CANCELLED, blocked)
