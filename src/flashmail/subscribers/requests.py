"""Knocks: what somebody asks for by a form, until the address itself confirms it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from flashmail.addresses import Address
from flashmail.audience.suppression import let_in_again
from flashmail.errors import KnockGone
from flashmail.model import (
    WAY_BACK,
    ConsentKind,
    Frequency,
    Knock,
    KnockState,
    Subscriber,
    SubscriberStatus,
    Subscription,
    Suppression,
    Topic,
)
from flashmail.subscribers.preferences import Where, agreed

#: How many confirmations are written to one address within how long.
MOST = ((1, timedelta(days=1)), (3, timedelta(days=30)))

#: For how long a confirmation can be answered.
OPEN_FOR = timedelta(days=30)

NEVER = "asked never to be mailed"


class Confirmed(NamedTuple):
    """Whose request was confirmed; and, of who moved, the old address's way back."""

    subscriber_id: int
    way_back: Knock | None = None


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


def offered(session: Session) -> list[Topic]:
    """Return the topics that everybody may follow."""
    free = select(Topic).where(~col(Topic.private), ~col(Topic.retired))
    return list(session.exec(free.order_by(col(Topic.name))))


def refusal(session: Session, knock: Knock, *, now: datetime) -> str:
    """Return why a knock is not answered; empty where it is."""
    suppressed = session.get(Suppression, knock.key)
    if suppressed and suppressed.reason is SubscriberStatus.COMPLAINED:
        return "complained before"
    if suppressed and suppressed.detail == NEVER:
        return NEVER
    if knock.moves and _owner(session, knock.key):
        return "another reader has this address"
    mailed = session.exec(
        select(Knock.mailed_at)
        .where(Knock.key == knock.key, Knock.id != knock.id)
        .where(col(Knock.mailed_at) > now - max(span for _, span in MOST))
    ).all()
    for most, span in MOST:
        if sum(at is not None and at > now - span for at in mailed) >= most:
            return f"{most} written within {span.days} days"
    return ""


def forget_old(session: Session, *, now: datetime) -> None:
    """Forget who knocked and never confirmed it."""
    unanswered = (KnockState.ASKED, KnockState.MAILED, KnockState.REFUSED)
    session.execute(
        delete(Knock)
        .where(col(Knock.state).in_(unanswered))
        .where(col(Knock.at) < now - OPEN_FOR)
    )


def find_open(session: Session, knock_id: int, *, now: datetime) -> Knock:
    """Return a knock that can be confirmed, or was; raise KnockGone for any other."""
    knock = session.get(Knock, knock_id)
    answered = (KnockState.MAILED, KnockState.CONFIRMED, KnockState.WELCOMED)
    if knock is None or knock.state not in answered:
        raise KnockGone("this request is not open any more")
    late = knock.mailed_at is None or now - knock.mailed_at > OPEN_FOR
    if knock.state is KnockState.MAILED and late:
        raise KnockGone("this request is too old: please ask again")
    return knock


def confirm(
    session: Session, knock: Knock, *, where: Where, now: datetime
) -> Confirmed:
    """Do what was asked for, as the address itself says so. Twice is once."""
    if knock.state is not KnockState.MAILED:
        return Confirmed(knock.subscriber_id or 0)
    way_back = _way_back(session, knock, now) if knock.moves else None
    person = _moved(session, knock) if knock.moves else _joined(session, knock, now)
    assert person.id is not None
    knock.subscriber_id, knock.state = person.id, KnockState.CONFIRMED
    session.add(knock)
    kind = ConsentKind.ADDRESS if knock.moves else ConsentKind.JOIN
    asked = {"asked_at": knock.at.isoformat(), "asked_from": knock.network}
    asked |= {"form": knock.wording, "page": knock.source}
    agreed(session, person.id, kind, where, now=now, topics=knock.topics, **asked)
    return Confirmed(person.id, way_back)


def never(session: Session, knock: Knock, *, now: datetime) -> None:
    """See to it that an address is never mailed again, by a form or otherwise."""
    knock.state = KnockState.NEVER
    suppressed = session.get(Suppression, knock.key)
    reason = SubscriberStatus.UNSUBSCRIBED
    if suppressed is None:
        suppressed = Suppression(key=knock.key, reason=reason, since=now)
    if suppressed.reason is not SubscriberStatus.COMPLAINED:
        suppressed.detail = NEVER
    person = _owner(session, knock.key)
    if person is not None:
        person.status = suppressed.reason
        session.add(person)
    session.add_all([knock, suppressed])


def _joined(session: Session, knock: Knock, now: datetime) -> Subscriber:
    """Let somebody in, or back in: whoever owns the address has just asked for it."""
    let_in_again(session, knock.key)
    session.execute(delete(Suppression).where(col(Suppression.key) == knock.key))
    person = _owner(session, knock.key) or Subscriber(
        address=knock.address, key=knock.key, created_at=now
    )
    if person.status is not SubscriberStatus.ACTIVE and person.id is not None:
        # Whoever left and comes back gets what is asked for now, nothing of before.
        session.execute(
            delete(Subscription).where(col(Subscription.subscriber_id) == person.id)
        )
    person.status = SubscriberStatus.ACTIVE
    person.language = knock.language or person.language
    session.add(person)
    session.flush()
    assert person.id is not None
    free = {each.id for each in offered(session)}
    for topic_id, often in knock.topics.items():
        if int(topic_id) in free:
            session.merge(
                Subscription(
                    subscriber_id=person.id,
                    topic_id=int(topic_id),
                    frequency=Frequency(often),
                )
            )
    return person


def _moved(session: Session, knock: Knock) -> Subscriber:
    person = session.get(Subscriber, knock.subscriber_id)
    if person is None or _owner(session, knock.key) is not None:
        raise KnockGone("this cannot be done any more")
    if session.get(Suppression, person.key) is not None:
        raise KnockGone("this address was unsubscribed since: please join again")
    person.address, person.key = knock.address, knock.key
    session.execute(delete(Suppression).where(col(Suppression.key) == knock.key))
    let_in_again(session, knock.key)
    session.add(person)
    session.flush()
    return person


def _way_back(session: Session, knock: Knock, now: datetime) -> Knock | None:
    """Let the old address take a move back, as if it had asked for that itself.

    Whoever does go back closes the ways that were opened since, and opens none.
    """
    if knock.source == WAY_BACK:
        session.execute(
            update(Knock)
            .where(col(Knock.subscriber_id) == knock.subscriber_id, col(Knock.moves))
            .where(col(Knock.id) > knock.id)
            .where(col(Knock.state).in_((KnockState.ASKED, KnockState.MAILED)))
            .values(state=KnockState.REFUSED, reason="the old address took it back")
            .execution_options(synchronize_session=False)
        )
        return None
    person = session.get(Subscriber, knock.subscriber_id)
    if person is None:
        return None
    back = Knock(
        address=person.address,
        key=person.key,
        subscriber_id=person.id,
        moves=True,
        state=KnockState.MAILED,
        source=WAY_BACK,
        at=now,
        mailed_at=now,
    )
    session.add(back)
    session.flush()
    return back


def _owner(session: Session, key: str) -> Subscriber | None:
    return session.exec(select(Subscriber).where(Subscriber.key == key)).first()
