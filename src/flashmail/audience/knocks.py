"""Knocks: what somebody asks for by a form, until the address itself confirms it."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session

from flashmail.audience.addresses import Address
from flashmail.audience.consent import Where
from flashmail.model import Knock, Subscriber


def ask_to_join(
    session: Session,
    address: Address,
    topics: Mapping[int, str],
    language: str,
    *,
    where: Where,
    now: datetime,
) -> None:
    """Note that somebody wants briefs at an address; nothing else happens here.

    Whether the address is known makes no difference, not even in time.
    """
    session.add(
        Knock(
            address=address.text,
            key=address.key,
            topics={str(topic_id): often for topic_id, often in topics.items()},
            language=language,
            network=where.network,
            source=where.source,
            wording=where.wording,
            at=now,
        )
    )


def ask_to_move(
    session: Session,
    person: Subscriber,
    address: Address,
    *,
    where: Where,
    now: datetime,
) -> None:
    """Note that a reader wants to move to another address."""
    session.add(
        Knock(
            address=address.text,
            key=address.key,
            subscriber_id=person.id,
            moves=True,
            network=where.network,
            source=where.source,
            wording=where.wording,
            at=now,
        )
    )
