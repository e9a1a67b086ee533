"""Subscription requests: asked for by a form, until the address itself confirms."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from flashmail.addresses import Address
from flashmail.audience.suppression import block, release
from flashmail.errors import RequestNotFound
from flashmail.model import (
    UNDO_REQUEST,
    ConsentKind,
    Frequency,
    RequestState,
    Subscriber,
    SubscriberStatus,
    Subscription,
    SubscriptionRequest,
    Suppression,
    Topic,
    TransactionalKind,
    TransactionalMail,
)
from flashmail.subscribers.preferences import ConsentSource, agreed

#: How many confirmations are written to one address within how long.
MOST = ((1, timedelta(days=1)), (3, timedelta(days=30)))

#: For how long a confirmation can be answered.
OPEN_FOR = timedelta(days=30)

NEVER = "asked never to be mailed"


class Confirmation(NamedTuple):
    """The subscriber that confirmed; and, of a move, the old address's undo request."""

    subscriber_id: int
    undo_request: SubscriptionRequest | None = None


def request_subscription(
    session: Session,
    address: Address,
    topics: Mapping[int, str],
    language: str,
    *,
    where: ConsentSource,
    now: datetime,
) -> None:
    """Keep a request to subscribe, and have a confirmation sent; nothing else happens.

    Whether the address is known makes no difference, not even in time.
    """
    listed = {str(topic_id): often for topic_id, often in topics.items()}
    request = SubscriptionRequest(
        address=address.text,
        key=address.key,
        topics=listed,
        language=language,
        created_at=now,
    )
    _ask_to_confirm(session, request, where)


def request_address_change(
    session: Session,
    person: Subscriber,
    address: Address,
    *,
    where: ConsentSource,
    now: datetime,
) -> None:
    """Keep a reader's request to change address, and have a confirmation sent."""
    request = SubscriptionRequest(
        address=address.text,
        key=address.key,
        subscriber_id=person.id,
        changes_address=True,
        created_at=now,
    )
    _ask_to_confirm(session, request, where)


def _ask_to_confirm(
    session: Session, request: SubscriptionRequest, where: ConsentSource
) -> None:
    request.network, request.source = where.network, where.source
    request.form_version = where.wording
    session.add(request)
    session.flush()
    _enqueue(session, TransactionalKind.CONFIRMATION, request, request.created_at)


def _enqueue(
    session: Session,
    kind: TransactionalKind,
    request: SubscriptionRequest,
    now: datetime,
) -> None:
    mail = TransactionalMail(
        kind=kind, address=request.address, request_id=request.id, created_at=now
    )
    session.add(mail)


def take_request(
    session: Session, request_id: int, *, confirms: bool, now: datetime
) -> str:
    """Move a request on, before it is answered; return why it must not be, or nothing.

    `confirms` is whether the answer asks for a confirmation, or is a welcome.
    """
    request = session.get(SubscriptionRequest, request_id, with_for_update=True)
    waits = RequestState.PENDING if confirms else RequestState.CONFIRMED
    if request is None or request.state is not waits:
        return "the request is not open any more"
    if not confirms:
        request.state = RequestState.WELCOMED
        return ""
    request.reason = decline_reason(session, request, now=now)
    if request.reason:
        request.state = RequestState.REFUSED
        return request.reason
    request.state, request.mailed_at = RequestState.MAILED, now
    return ""


def note_answer(
    session: Session, request_id: int, reason: str, *, reopen: bool
) -> None:
    """Note why the answer to a request did not go; open it again for another try."""
    request = session.get(SubscriptionRequest, request_id, with_for_update=True)
    if request is None:
        return
    request.reason = reason
    if reopen and request.state is RequestState.MAILED:
        request.state, request.mailed_at = RequestState.PENDING, None
    elif reopen and request.state is RequestState.WELCOMED:
        request.state = RequestState.CONFIRMED


def offered(session: Session) -> list[Topic]:
    """Return the topics that everybody may follow."""
    free = select(Topic).where(~col(Topic.private), ~col(Topic.retired))
    return list(session.exec(free.order_by(col(Topic.name))))


def decline_reason(
    session: Session, request: SubscriptionRequest, *, now: datetime
) -> str:
    """Return why a request is not answered; empty where it is."""
    suppressed = session.get(Suppression, request.key)
    if suppressed and suppressed.reason is SubscriberStatus.COMPLAINED:
        return "complained before"
    if suppressed and suppressed.detail == NEVER:
        return NEVER
    if request.changes_address and _owner(session, request.key):
        return "another reader has this address"
    mailed = session.exec(
        select(SubscriptionRequest.mailed_at)
        .where(
            SubscriptionRequest.key == request.key, SubscriptionRequest.id != request.id
        )
        .where(col(SubscriptionRequest.mailed_at) > now - max(span for _, span in MOST))
    ).all()
    for most, span in MOST:
        if sum(at is not None and at > now - span for at in mailed) >= most:
            return f"{most} written within {span.days} days"
    return ""


def forget_old(session: Session, *, now: datetime) -> None:
    """Forget requests that were never confirmed."""
    unanswered = (RequestState.PENDING, RequestState.MAILED, RequestState.REFUSED)
    old = (
        col(SubscriptionRequest.state).in_(unanswered),
        col(SubscriptionRequest.created_at) < now - OPEN_FOR,
    )
    mails = col(TransactionalMail.request_id).in_(
        select(SubscriptionRequest.id).where(*old)
    )
    session.execute(delete(TransactionalMail).where(mails))
    session.execute(delete(SubscriptionRequest).where(*old))


def find_open(
    session: Session, request_id: int, *, now: datetime
) -> SubscriptionRequest:
    """Return a request that can be confirmed, or was; else RequestNotFound."""
    request = session.get(SubscriptionRequest, request_id)
    answered = (RequestState.MAILED, RequestState.CONFIRMED, RequestState.WELCOMED)
    if request is None or request.state not in answered:
        raise RequestNotFound("this request is not open any more")
    late = request.mailed_at is None or now - request.mailed_at > OPEN_FOR
    if request.state is RequestState.MAILED and late:
        raise RequestNotFound("this request is too old: please ask again")
    return request


def confirm(
    session: Session,
    request: SubscriptionRequest,
    *,
    where: ConsentSource,
    now: datetime,
) -> Confirmation:
    """Do what was asked for, as the address itself says so. Twice is once."""
    if request.state is not RequestState.MAILED:
        return Confirmation(request.subscriber_id or 0)
    undo_request = (
        _undo_request(session, request, now) if request.changes_address else None
    )
    person = (
        _moved(session, request)
        if request.changes_address
        else _joined(session, request, now)
    )
    assert person.id is not None
    request.subscriber_id, request.state = person.id, RequestState.CONFIRMED
    session.add(request)
    if not request.changes_address:
        _enqueue(session, TransactionalKind.WELCOME, request, now)
    kind = ConsentKind.ADDRESS if request.changes_address else ConsentKind.JOIN
    asked = {"asked_at": request.created_at.isoformat(), "asked_from": request.network}
    asked |= {"form": request.form_version, "page": request.source}
    agreed(session, person.id, kind, where, now=now, topics=request.topics, **asked)
    return Confirmation(person.id, undo_request)


def block_address(
    session: Session, request: SubscriptionRequest, *, now: datetime
) -> None:
    """See to it that an address is never mailed again, by a form or otherwise."""
    request.state = RequestState.BLOCKED
    session.add(request)
    block(session, request.key, NEVER, now=now)


def _joined(
    session: Session, request: SubscriptionRequest, now: datetime
) -> Subscriber:
    """Add a subscriber, or let one back in: the owner of the address has just asked."""
    release(session, request.key)
    person = _owner(session, request.key) or Subscriber(
        address=request.address, key=request.key, created_at=now
    )
    if person.status is not SubscriberStatus.ACTIVE and person.id is not None:
        # A subscriber that left and comes back gets what is asked for now, nothing of
        # before.
        session.execute(
            delete(Subscription).where(col(Subscription.subscriber_id) == person.id)
        )
    person.status = SubscriberStatus.ACTIVE
    person.language = request.language or person.language
    session.add(person)
    session.flush()
    assert person.id is not None
    free = {each.id for each in offered(session)}
    for topic_id, often in request.topics.items():
        if int(topic_id) in free:
            session.merge(
                Subscription(
                    subscriber_id=person.id,
                    topic_id=int(topic_id),
                    frequency=Frequency(often),
                )
            )
    return person


def _moved(session: Session, request: SubscriptionRequest) -> Subscriber:
    person = session.get(Subscriber, request.subscriber_id)
    if person is None or _owner(session, request.key) is not None:
        raise RequestNotFound("this cannot be done any more")
    if session.get(Suppression, person.key) is not None:
        raise RequestNotFound("this address was unsubscribed since: please join again")
    person.address, person.key = request.address, request.key
    release(session, request.key)
    session.add(person)
    session.flush()
    return person


def _undo_request(
    session: Session, request: SubscriptionRequest, now: datetime
) -> SubscriptionRequest | None:
    """Let the old address take a move back, as if it had asked for that itself.

    An undo that is used closes the ones that were opened since, and opens none.
    """
    if request.source == UNDO_REQUEST:
        session.execute(
            update(SubscriptionRequest)
            .where(
                col(SubscriptionRequest.subscriber_id) == request.subscriber_id,
                col(SubscriptionRequest.changes_address),
            )
            .where(col(SubscriptionRequest.id) > request.id)
            .where(
                col(SubscriptionRequest.state).in_(
                    (RequestState.PENDING, RequestState.MAILED)
                )
            )
            .values(state=RequestState.REFUSED, reason="the old address took it back")
            .execution_options(synchronize_session=False)
        )
        return None
    person = session.get(Subscriber, request.subscriber_id)
    if person is None:
        return None
    back = SubscriptionRequest(
        address=person.address,
        key=person.key,
        subscriber_id=person.id,
        changes_address=True,
        state=RequestState.MAILED,
        source=UNDO_REQUEST,
        created_at=now,
        mailed_at=now,
    )
    session.add(back)
    session.flush()
    return back


def _owner(session: Session, key: str) -> Subscriber | None:
    return session.exec(select(Subscriber).where(Subscriber.key == key)).first()
