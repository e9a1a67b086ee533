"""Erasing a person: nothing is left but numbers, and that the address gets no mail."""

import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from flashmail.audience.takeout import about, deliveries_of
from flashmail.model import (
    OPEN,
    Delivery,
    DeliveryState,
    Event,
    Salt,
    Subscriber,
    SubscriberStatus,
    Suppression,
)

#: Begins the key of a suppression that does not tell the address.
ERASED = "erased:"

SALT = "erased addresses"

#: Rows that count in totals: they stay, and say no more whose they were.
COUNTED = (Delivery, Event)


def erase(session: Session, person: Subscriber, *, now: datetime) -> None:
    """Erase all rows about a person; what counts in totals belongs to nobody any more.

    The address stays suppressed, by a keyed hash: no import brings it back.
    """
    assert person.id is not None
    _forget(session, person, now)
    for table, where in about(session, person):
        if table not in COUNTED:
            session.execute(delete(table).where(where))
    session.execute(delete(Subscriber).where(col(Subscriber.id) == person.id))
    keep_out(session, person.key, now=now)


def keep_out(session: Session, key: str, *, now: datetime) -> None:
    """Suppress an address without keeping it."""
    hashed = hash_of(_salt(session), key)
    if session.get(Suppression, hashed) is None:
        reason = SubscriberStatus.UNSUBSCRIBED
        session.add(Suppression(key=hashed, reason=reason, since=now, detail="erased"))


def erased_among(session: Session, keys: Iterable[str]) -> set[str]:
    """Return those of these addresses that were erased."""
    known = session.exec(
        select(Suppression.key).where(col(Suppression.key).startswith(ERASED))
    ).all()
    if not known:
        return set()
    salt, hashes = _salt(session), set(known)
    return {key for key in keys if hash_of(salt, key) in hashes}


def let_in_again(session: Session, key: str) -> None:
    """Forget that an address was erased: who owns it has just asked for mail again."""
    hashed = hash_of(_salt(session), key)
    session.execute(delete(Suppression).where(col(Suppression.key) == hashed))


def hash_of(salt: str, key: str) -> str:
    mac = hmac.new(bytes.fromhex(salt), key.encode(), sha256)
    return f"{ERASED}{mac.hexdigest()}"


def _forget(session: Session, person: Subscriber, now: datetime) -> None:
    """Give what counts in totals to a number that is nobody's."""
    # Below 1 are no subscribers, and from this number nothing leads to the old one.
    nobody = -1 - secrets.randbelow(1 << 31 - 1)
    assert person.id is not None
    theirs = deliveries_of(session, person.id)
    session.execute(
        update(Delivery)
        .where(theirs, col(Delivery.state).in_(OPEN))
        .values(state=DeliveryState.SKIPPED, reason="erased", at=now)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Delivery)
        .where(theirs)
        .values(
            subscriber_id=nobody,
            reason=func.replace(col(Delivery.reason), person.address, "…"),
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Event)
        .where(col(Event.subscriber_id) == person.id)
        .values(
            subscriber_id=nobody,
            detail=func.replace(col(Event.detail), person.address, "…"),
        )
    )


def _salt(session: Session) -> str:
    salt = session.get(Salt, SALT)
    if salt is None:
        salt = Salt(name=SALT, value=secrets.token_hex(32))
        session.add(salt)
        session.flush()
    return salt.value
