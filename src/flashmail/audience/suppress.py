"""Suppressions by hand: an address gets no more mail, or may get it again."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from flashmail.audience.addresses import parse_address
from flashmail.audience.log import log, of_subscriber
from flashmail.errors import WrongInput
from flashmail.model import LEFT, AuditEntry, Subscriber, SubscriberStatus, Suppression

#: Only the person can take these back: an admin who lifts one has to say how they did.
THEIR_WISH = frozenset({SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.COMPLAINED})

WORDS_LIMIT = 500

SUPPRESS = "suppress"


class NotSuppressed(WrongInput):
    """The address is not suppressed."""


class NeedsAdmin(WrongInput):
    """Only an admin may do this."""


def suppress_by_hand(
    session: Session, address: str, words: str, *, who: str, now: datetime
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
        Suppression(key=key, reason=reason, since=now, detail=f"by {who}: {words}")
    )
    if person is not None and person.status not in LEFT:
        person.status = reason
        session.add(person)
    return log(
        session,
        _subject(session, key),
        SUPPRESS,
        who=who,
        now=now,
        words=words,
        address=key,
        was=was,
    )


def undo(session: Session, entry_id: int, *, who: str, now: datetime) -> str:
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
    log(session, entry.subject, "undo suppress", who=who, now=now)
    return key


def lift(
    session: Session,
    address: str,
    words: str,
    *,
    admin: bool,
    who: str,
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
        .where(col(Subscriber.key) == key, col(Subscriber.status).in_(LEFT))
        .values(status=SubscriberStatus.ACTIVE)
    )
    subject = _subject(session, key)
    log(session, subject, "lift", who=who, now=now, words=words, was=reason.value)


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
