"""Suppressions by hand: an address gets no more mail, or may get it again."""

import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, select

from flashmail.addresses import parse_address
from flashmail.audit import log, of_subscriber
from flashmail.database import is_sqlite
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


def suppress_hashed(session: Session, key: str, *, now: datetime) -> None:
    """Suppress an address without keeping it."""
    hashed = hash_of(_salt(session), key)
    if session.get(Suppression, hashed) is None:
        reason = SubscriberStatus.UNSUBSCRIBED
        session.add(Suppression(key=hashed, reason=reason, since=now, detail="erased"))


def erased_addresses(session: Session, keys: Iterable[str]) -> set[str]:
    """Return those of these addresses that were erased."""
    known = session.exec(
        select(Suppression.key).where(col(Suppression.key).startswith(ERASED))
    ).all()
    if not known:
        return set()
    salt, hashes = _salt(session), set(known)
    return {key for key in keys if hash_of(salt, key) in hashes}


def forget_erasure(session: Session, key: str) -> None:
    """Forget that an address was erased: who owns it has just asked for mail again."""
    hashed = hash_of(_salt(session), key)
    session.execute(delete(Suppression).where(col(Suppression.key) == hashed))


def hash_of(salt: str, key: str) -> str:
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
    """Whether an address may be told so still, when the mail is about to go."""
    key = parse_address(address).key
    suppressed = session.get(Suppression, key) is not None
    return not suppressed and not erased_addresses(session, [key])


Reason = tuple[SubscriberStatus, datetime, str]  # what for, since when, in words


def suppress(
    session: Session,
    subscriber_id: int,
    reason: SubscriberStatus,
    *,
    now: datetime,
    detail: str = "",
) -> None:
    """See to it that an address gets no more mail; the first reason stays."""
    _suppress(session, {subscriber_id: (reason, now, detail)})


def _suppress(session: Session, reasons: Mapping[int, Reason]) -> None:
    if not reasons:
        return
    session.flush()
    who = select(Subscriber.id, Subscriber.key).where(col(Subscriber.id).in_(reasons))
    keys = {key: each for each, key in session.exec(who) if each is not None}
    known = select(Suppression.key).where(col(Suppression.key).in_(keys))
    for key in session.exec(known).all():
        del keys[key]
    rows: list[dict[str, Any]] = [
        dict(zip(("reason", "since", "detail"), reasons[each], strict=True), key=key)
        for key, each in sorted(keys.items())
    ]
    _add(session, Suppression, rows)
    for reason in {row["reason"] for row in rows}:
        left = [keys[row["key"]] for row in rows if row["reason"] is reason]
        session.execute(
            update(Subscriber)
            .where(col(Subscriber.id).in_(left))
            .values(status=reason)
            .execution_options(synchronize_session="fetch")
        )


def _add(
    session: Session, table: type[SQLModel], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Add rows; where another post was quicker, its row stays."""
    if not rows:
        return
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    into = insert(table.__table__).on_conflict_do_nothing()  # type: ignore[attr-defined]
    session.connection().execute(into, rows)


#: Only the person can take these back: an admin who lifts one has to say how they did.
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
    session.add(
        Suppression(key=key, reason=reason, since=now, detail=f"by {by}: {words}")
    )
    if person is not None and person.status not in OPTED_OUT:
        person.status = reason
        session.add(person)
    return log(
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
    session.delete(suppressed)
    if was := entry.detail["was"]:
        session.execute(
            update(Subscriber)
            .where(col(Subscriber.key) == key)
            .where(col(Subscriber.status) == SubscriberStatus.UNSUBSCRIBED)
            .values(status=SubscriberStatus(was))
        )
    log(session, entry.subject, "undo suppress", by=by, now=now)
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

    Who unsubscribed or complained has to have asked for it: that takes an admin.
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
    session.delete(suppressed)
    session.execute(
        update(Subscriber)
        .where(col(Subscriber.key) == key, col(Subscriber.status).in_(OPTED_OUT))
        .values(status=SubscriberStatus.ACTIVE)
    )
    subject = _subject(session, key)
    log(session, subject, "lift", by=by, now=now, words=words, was=reason.value)


def _said(words: str) -> str:
    words = " ".join(words.split())
    if not words:
        raise WrongInput("say why, in a few words")
    if len(words) > WORDS_LIMIT:
        raise WrongInput(f"say it in {WORDS_LIMIT} characters")
    return words


def _subject(session: Session, key: str) -> str:
    known = session.exec(select(Subscriber.id).where(Subscriber.key == key)).first()
    return of_subscriber(known) if known is not None else f"address {key}"
