"""Transactional mails: what each says, and the sending of confirmations and welcomes.

A confirmation to the address itself, and a welcome once it has confirmed. The visitor
of the form knocked waits for none of this, and cannot tell from it whether an address
is known.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Engine, update
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from flashmail.addresses import masked
from flashmail.audience.segment import Segment
from flashmail.campaigns.briefs import LOOKED_AT, latest_about
from flashmail.campaigns.content import MailKit, compose
from flashmail.database import reading, transaction
from flashmail.errors import FlashmailError
from flashmail.links import NOBODY, BadToken, Links, Purpose, Tokens
from flashmail.message import LEAVE, TOKEN, WATCH, Message, mark
from flashmail.model import (
    MOVE,
    Consent,
    ConsentKind,
    Priority,
    RequestState,
    Subscriber,
    Subscription,
    SubscriptionRequest,
    Topic,
    TransactionalMail,
)
from flashmail.rendering.brief_values import list_in_words
from flashmail.subscribers.requests import OPEN_FOR, decline_reason, forget_old
from flashmail.transactional.queue import hand_over
from flashmail.transports import Outcome, Receipt, Transport

ADDRESS_CHANGED_SUBJECT = "Your address was changed"

ADDRESS_CHANGED_TEXT = """\
The briefs that came to this address go to {address} from now on: somebody with
a link of yours asked for that, most likely you. Then there is nothing to do.

If it was not you, this takes it back, within {days} days:

{link}"""


def notify_old_address(
    session: Session,
    way_back: SubscriptionRequest,
    move: SubscriptionRequest,
    tokens: Tokens,
    links: Links,
    *,
    now: datetime,
) -> None:
    """Have the old address told, at once; of the new one only as much as one needs."""
    assert way_back.id is not None
    link = links.confirm(tokens.write(Purpose.CONFIRM, 0, way_back.id))
    text = ADDRESS_CHANGED_TEXT.format(
        address=masked(move.address), days=OPEN_FOR.days, link=link
    )
    session.add(
        TransactionalMail(
            address=way_back.address,
            subject=ADDRESS_CHANGED_SUBJECT,
            text=text,
            asked_by=MOVE,
            at=now,
        )
    )


logger = logging.getLogger(__name__)

#: RFC 3834: no mail program answers these.
AUTOMATIC = ("Auto-Submitted", "auto-generated")

#: In place of a campaign's number in links of mails that are no campaign.
NO_CAMPAIGN = 0


@dataclass(frozen=True)
class PreparedMail:
    """One mail to be written: its recipient, message, and values for its marks."""

    knock_id: int
    before: RequestState
    address: str
    message: Message
    values: Mapping[str, str]


@dataclass(frozen=True)
class Porter:
    """Sends confirmations and welcomes; `transport` makes the way out."""

    engine: Engine
    transport: Callable[[], Transport]
    press: MailKit
    tokens: Tokens

    def go(self, *, now: datetime) -> int:
        """Answer the requests that came since; return how many mails were written."""
        with reading(self.engine) as session:
            waiting = [each.id for each in session.exec(_waiting().limit(LOOKED_AT))]
        if not waiting:
            return 0
        answered = asyncio.run(self._answer(waiting, now))
        with transaction(self.engine) as session:
            forget_old(session, now=now)
        return answered

    async def _answer(self, knock_ids: Sequence[int | None], now: datetime) -> int:
        """Answer one after another: one that is not reached yet stays as it is."""
        transport, answered = self.transport(), 0
        try:
            for knock_id in knock_ids:
                errand = self._errand(knock_id, now)
                if errand is not None:
                    receipt = await hand_over(
                        transport,
                        errand.message,
                        number=errand.knock_id,
                        address=errand.address,
                        values=errand.values,
                    )
                    self._book(errand, receipt)
                    answered += 1
        finally:
            await transport.close()
        return answered

    def _errand(self, knock_id: int | None, now: datetime) -> PreparedMail | None:
        taken = self._taken(knock_id, now)
        if taken is None:
            return None
        try:
            # Not while the knock is moved on: a template takes its time.
            if taken.state is RequestState.MAILED:
                return self._confirmation(taken)
            with reading(self.engine) as session:
                return self._welcome(session, taken, now)
        except FlashmailError as problem:
            logger.exception("knock %s cannot be answered", knock_id)
            self._note(taken.id, reason=str(problem)[:500])
            return None

    def _taken(self, knock_id: int | None, now: datetime) -> SubscriptionRequest | None:
        """Move a knock on, before anything is handed over: it is answered once."""
        with transaction(self.engine) as session:
            waiting = _waiting().where(SubscriptionRequest.id == knock_id)
            knock = session.exec(waiting.with_for_update(skip_locked=True)).first()
            if knock is None:
                return None
            if knock.state is RequestState.CONFIRMED:
                knock.state = RequestState.WELCOMED
                return knock
            knock.reason = decline_reason(session, knock, now=now)
            if knock.reason:
                knock.state = RequestState.REFUSED
                return None
            knock.state, knock.mailed_at = RequestState.MAILED, now
            return knock

    def _confirmation(self, knock: SubscriptionRequest) -> PreparedMail:
        """Nothing that was typed into a form stands in this mail but the address."""
        assert knock.id is not None
        links = self.press.links
        extra = {
            "confirm_url": links.confirm(self._token(Purpose.CONFIRM, knock.id)),
            "never_url": links.never(self._token(Purpose.NEVER, knock.id)),
        }
        message = self.press.renderer.render(None, "confirm", extra=extra).message
        sender = self.press.sender
        headers = (
            ("From", f"{sender.name} <{sender.address}>"),
            ("Message-ID", f"<{mark(TOKEN)}@{sender.domain}>"),
            AUTOMATIC,
        )
        message = replace(message, headers=headers, envelope_sender=sender.address)
        return PreparedMail(knock.id, RequestState.PENDING, knock.address, message, {})

    def _welcome(
        self, session: Session, knock: SubscriptionRequest, now: datetime
    ) -> PreparedMail | None:
        person = session.get(Subscriber, knock.subscriber_id)
        if person is None or knock.changes_address or knock.id is None:
            return None
        names = _topics(session, person)
        brief = latest_about(session, names, now=now)
        rendered = self.press.renderer.render(brief, "welcome", tracked=False)
        what = compose(
            rendered.message,
            rendered.destinations,
            segment=Segment(),
            topics=(),
            template="welcome",
            priority=Priority.NORMAL,
            sender=self.press.sender,
            links=self.press.links,
        )
        message = replace(what.message, headers=(*what.message.headers, AUTOMATIC))
        values = {
            "name": person.name,
            "first_name": person.name.split(" ")[0],
            "because": list_in_words(names),
            WATCH: self._token(Purpose.WATCH, NOBODY),
            LEAVE: self._token(Purpose.LEAVE, person.id or 0),
        }
        return PreparedMail(
            knock.id, RequestState.CONFIRMED, person.address, message, values
        )

    def _token(self, purpose: Purpose, number: int) -> str:
        return self.tokens.write(purpose, NO_CAMPAIGN, number)

    def _book(self, errand: PreparedMail, receipt: Receipt) -> None:
        """What was surely not taken is tried again; all else is done with."""
        if receipt.outcome is Outcome.ACCEPTED:
            return
        again: dict[str, object] = {}
        if receipt.outcome is Outcome.LATER:
            again["state"] = errand.before
            if errand.before is RequestState.PENDING:
                again["mailed_at"] = None
        self._note(errand.knock_id, reason=receipt.reason[:500], **again)

    def _note(self, knock_id: int | None, **values: object) -> None:
        with transaction(self.engine) as session:
            session.execute(
                update(SubscriptionRequest)
                .where(col(SubscriptionRequest.id) == knock_id)
                .values(**values)
            )


def _waiting() -> SelectOfScalar[SubscriptionRequest]:
    waits = (RequestState.PENDING, RequestState.CONFIRMED)
    return (
        select(SubscriptionRequest)
        .where(col(SubscriptionRequest.state).in_(waits))
        .order_by(col(SubscriptionRequest.id))
    )


def _topics(session: Session, person: Subscriber) -> list[str]:
    following = (
        select(Topic.name)
        .join(Subscription, col(Subscription.topic_id) == col(Topic.id))
        .where(Subscription.subscriber_id == person.id)
        .order_by(col(Topic.id))
    )
    return list(session.exec(following))


#: Such a link is good for so long, unless the address changes meanwhile,
GOOD_FOR = timedelta(hours=24)

#: and another one is written after so long at the earliest.
AGAIN = timedelta(minutes=10)

READER = "a reader"

DATA_LINK_SUBJECT = "Your link"

DATA_LINK_TEXT = """\
Somebody with one of your mails asked for this link, most likely you. For a day it
lets you take your data along, change your address, or be erased:

{link}

If it was not you, there is nothing to do: nothing has changed."""


def request_data_link(
    session: Session, person: Subscriber, tokens: Tokens, links: Links, *, now: datetime
) -> None:
    """Have the link written to a reader, unless one was written just now."""
    latest = (
        select(TransactionalMail)
        .where(
            TransactionalMail.address == person.address,
            TransactionalMail.asked_by == READER,
        )
        .where(col(TransactionalMail.at) > now - AGAIN)
    )
    if session.exec(latest).first() is not None:
        return
    assert person.id is not None
    link = links.own(tokens.write(Purpose.OWN, int(now.timestamp()), person.id))
    session.add(
        TransactionalMail(
            address=person.address,
            subject=DATA_LINK_SUBJECT,
            text=DATA_LINK_TEXT.format(link=link),
            asked_by=READER,
            at=now,
        )
    )


def owner(session: Session, tokens: Tokens, token: str, *, now: datetime) -> int:
    """Return the subscriber of a link; raise BadToken where it is too old, or not ours.

    It is too old as well once the address is another one: it lay in the other mailbox.
    """
    written, subscriber_id = tokens.read(Purpose.OWN, token)
    if not 0 <= int(now.timestamp()) - written <= GOOD_FOR.total_seconds():
        raise BadToken("this link was good for a day: ask for another one")
    if written < _moved_at(session, subscriber_id):
        raise BadToken("the address was changed since: ask for another link")
    return subscriber_id


def _moved_at(session: Session, subscriber_id: int) -> int:
    """Return when somebody's address changed last, in seconds since 1970."""
    moves = select(func.max(Consent.at)).where(
        Consent.subscriber_id == subscriber_id, Consent.kind == ConsentKind.ADDRESS
    )
    last = session.exec(moves).one()
    return int(last.timestamp()) if last else 0
