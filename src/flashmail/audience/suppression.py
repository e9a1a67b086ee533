"""Suppressions: addresses that get no more mail, and why.

The one writer of them, whatever the reason: by hand, by an event, by an import, by the
person, by erasure. The first reason stays; a suppression outlives its subscriber.
"""

import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Select, Table, delete, insert, update
from sqlmodel import Session, col, select

from flashmail import audit
from flashmail.addresses import parse_address
from flashmail.database import upsert
from flashmail.errors import WrongInput
from flashmail.model import (
    OPTED_OUT,
    AuditEntry,
    Salt,
    Subscriber,
    SubscriberStatus,
    Suppression,
)

#: Begins the key of a suppression that does not tell the address.
ERASED = "erased:"

SALT = "erased addresses"

#: Why an address is suppressed: the reason, since when, and a detail in words.
Reason = tuple[SubscriberStatus, datetime, str]

FIELDS = ("reason", "since", "detail")


def suppress(session: Session, reasons: Mapping[str, Reason]) -> None:
    """Suppress addresses, given by their keys; the first reason of each one stays.

    The status of its subscriber follows, unless the subscriber had opted out before.
    """
    if not reasons:
        return
    session.flush()
    known = select(Suppression.key).where(col(Suppression.key).in_(reasons))
    new = sorted(set(reasons) - set(session.exec(known).all()))
    rows = [dict(zip(FIELDS, reasons[key], strict=True), key=key) for key in new]
    _insert(session, rows)
    for reason in {row["reason"] for row in rows}:
        keys = [row["key"] for row in rows if row["reason"] is reason]
        session.execute(
            update(Subscriber)
            .where(col(Subscriber.key).in_(keys))
            .where(col(Subscriber.status).not_in(OPTED_OUT))
            .values(status=reason)
            .execution_options(synchronize_session="fetch")
        )


def suppress_subscribers(session: Session, reasons: Mapping[int, Reason]) -> None:
    """Suppress the addresses that subscribers, given by their ids, have now."""
    if not reasons:
        return
    session.flush()
    found = select(Subscriber.id, Subscriber.key).where(col(Subscriber.id).in_(reasons))
    suppress(session, {key: reasons[n] for n, key in session.exec(found) if n})


def suppress_selected(session: Session, rows: Select[Any]) -> None:
    """Suppress what a query yields: key, reason, since and detail of new keys only.

    Statuses are the caller's to set: an import writes them with its own rows.
    """
    table: Table = Suppression.__table__  # type: ignore[attr-defined]
    session.execute(insert(table).from_select(["key", *FIELDS], rows))


def suppress_hashed(session: Session, key: str, *, now: datetime) -> None:
    """Suppress an address without keeping it, as a keyed hash."""
    hashed = hash_of(_salt(session), key)
    suppress(session, {hashed: (SubscriberStatus.UNSUBSCRIBED, now, "erased")})


def block(session: Session, key: str, detail: str, *, now: datetime) -> None:
    """Suppress an address that asked for it; what it asked for replaces the detail.

    A complaint keeps its own words.
    """
    suppress(session, {key: (SubscriberStatus.UNSUBSCRIBED, now, detail)})
    session.execute(
        update(Suppression)
        .where(col(Suppression.key) == key)
        .where(col(Suppression.reason) != SubscriberStatus.COMPLAINED)
        .values(detail=detail)
    )


def release(session: Session, key: str) -> None:
    """Let an address get mail again, also one that was erased."""
    hashed = hash_of(_salt(session), key)
    both = col(Suppression.key).in_([key, hashed])
    session.execute(delete(Suppression).where(both))


def _insert(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; where another transaction was quicker, its row stays."""
    if rows:
        table: Table = Suppression.__table__  # type: ignore[attr-defined]
        into = upsert(session, table).on_conflict_do_nothing()
        session.connection().execute(into, rows)


def erased_addresses(session: Session, keys: Iterable[str]) -> set[str]:
    """Return those of these addresses that were erased."""
    known = session.exec(
        select(Suppression.key).where(col(Suppression.key).startswith(ERASED))
    ).all()
    if not known:
        return set()
    salt, hashes = _salt(session), set(known)
    return {key for key in keys if hash_of(salt, key) in hashes}


def hash_of(salt: str, key: str) -> str:
    """Return the key of a suppression that stands for an erased address."""
    mac = hmac.new(bytes.fromhex(salt), key.encode(), sha256)
    return f"{ERASED}{mac.hexdigest()}"


def _salt(session: Session) -> str:
    salt = session.get(Salt, SALT)
    if salt is None:
        salt = Salt(name=SALT, value=secrets.token_hex(32))
        session.add(salt)
        session.flush()
    return salt.value


def may_be_mailed(session: Session, address: str) -> bool:
    """Return whether an address is neither suppressed nor erased."""
    key = parse_address(address).key
    suppressed = session.get(Suppression, key) is not None
    return not suppressed and not erased_addresses(session, [key])


#: Only the person can take these back: an admin has to say how that was done.
THEIR_WISH = frozenset({SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.COMPLAINED})

WORDS_LIMIT = 500

SUPPRESS = "suppress"


class NotSuppressed(WrongInput):
    """The address is not suppressed."""


class NeedsAdmin(WrongInput):
    """Only an admin may do this."""


def suppress_by_hand(
    session: Session, address: str, words: str, *, by: str, now: datetime
) -> int:
    """See to it that an address gets no more mail, whether it is a subscriber or not.

    Returns the number under which it can be undone. Refused where it gets none anyhow:
    the first reason stays.
    """
    key, words = parse_address(address.strip()).key, _said(words)
    if session.get(Suppression, key) is not None:
        raise WrongInput(f"{key} is suppressed already")
    person = session.exec(select(Subscriber).where(Subscriber.key == key)).first()
    was = person.status.value if person else ""
    reason = SubscriberStatus.UNSUBSCRIBED
    suppress(session, {key: (reason, now, f"by {by}: {words}")})
    return audit.record(
        session,
        _subject(session, key),
        SUPPRESS,
        by=by,
        now=now,
        words=words,
        address=key,
        was=was,
    )


def undo(session: Session, entry_id: int, *, by: str, now: datetime) -> str:
    """Take back a suppression made by hand, if it still stands; return the address."""
    entry = session.get(AuditEntry, entry_id)
    if entry is None or entry.action != SUPPRESS:
        raise WrongInput("there is nothing to undo")
    key = str(entry.detail["address"])
    suppressed = session.get(Suppression, key)
    if suppressed is None or suppressed.since != entry.at:
        raise WrongInput(f"{key} was suppressed or lifted again since: look at it")
    release(session, key)
    if was := entry.detail["was"]:
        session.execute(
            update(Subscriber)
            .where(col(Subscriber.key) == key)
            .where(col(Subscriber.status) == SubscriberStatus.UNSUBSCRIBED)
            .values(status=SubscriberStatus(was))
        )
    audit.record(session, entry.subject, "undo suppress", by=by, now=now)
    return key


def lift(
    session: Session,
    address: str,
    words: str,
    *,
    admin: bool,
    by: str,
    now: datetime,
) -> None:
    """Let an address get mail again; `words` say why that is right.

    After an unsubscribe or a complaint the person has to have asked: that takes an
    admin.
    """
    key, words = parse_address(address.strip()).key, _said(words)
    suppressed = session.get(Suppression, key)
    if suppressed is None:
        raise NotSuppressed(f"{key} is not suppressed")
    if suppressed.reason in THEIR_WISH and not admin:
        raise NeedsAdmin(
            f"{key} {suppressed.reason}: only that person can change this, and an admin"
            " has to write down how they asked for it"
        )
    reason = suppressed.reason
    release(session, key)
    session.execute(
        update(Subscriber)
        .where(col(Subscriber.key) == key, col(Subscriber.status).in_(OPTED_OUT))
        .values(status=SubscriberStatus.ACTIVE)
    )
    subject = _subject(session, key)
    audit.record(
        session, subject, "lift", by=by, now=now, words=words, was=reason.value
    )


def _said(words: str) -> str:
    words = " ".join(words.split())
    if not words:
        raise WrongInput("say why, in a few words")
    if len(words) > WORDS_LIMIT:
        raise WrongInput(f"say it in {WORDS_LIMIT} characters")
    return words


def _subject(session: Session, key: str) -> str:
    known = session.exec(select(Subscriber.id).where(Subscriber.key == key)).first()
    return audit.of_subscriber(known) if known is not None else f"address {key}"
