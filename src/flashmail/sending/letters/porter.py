"""The porter: answers who knocked, with one mail at most to each knock.

A confirmation to the address itself, and a welcome once it has confirmed. Whoever
knocked waits for none of this, and cannot tell from it whether an address is known.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from flashmail import briefs
from flashmail.audience.knocks import forget_old, refusal
from flashmail.audience.segment import Segment
from flashmail.audience.topics import lineage
from flashmail.briefs import Brief
from flashmail.briefs.embargo import lifted
from flashmail.database import reading, transaction
from flashmail.errors import FlashmailError
from flashmail.links import NOBODY, Purpose, Tokens
from flashmail.message import LEAVE, TOKEN, WATCH, Message, mark
from flashmail.model import (
    Campaign,
    Knock,
    KnockState,
    Priority,
    StoredBrief,
    Subscriber,
    Subscription,
    Topic,
)
from flashmail.rendering.plain import list_in_words
from flashmail.sending.approve.compose import compose
from flashmail.sending.approve.press import Press
from flashmail.sending.approve.story import TOLD, latest
from flashmail.sending.letters.single import hand_over
from flashmail.sending.stored import embargo_of
from flashmail.transports import Outcome, Receipt, Transport

logger = logging.getLogger(__name__)

#: RFC 3834: no mail program answers these.
AUTOMATIC = ("Auto-Submitted", "auto-generated")

#: So many of the latest campaigns are looked at for one that suits a new reader.
LOOKED_AT = 50

#: In place of a campaign's number in links of mails that are no campaign.
NO_CAMPAIGN = 0


@dataclass(frozen=True)
class Errand:
    """One mail to be written: to whom, what, and with which values for its marks."""

    knock_id: int
    before: KnockState
    address: str
    message: Message
    values: Mapping[str, str]


@dataclass(frozen=True)
class Porter:
    """Writes to those who knocked; `transport` makes its way out."""

    engine: Engine
    transport: Callable[[], Transport]
    press: Press
    tokens: Tokens

    def go(self, *, now: datetime) -> int:
        """Answer whoever has knocked since; return how many mails were written."""
        with reading(self.engine) as session:
            waiting = [each.id for each in session.exec(_waiting().limit(LOOKED_AT))]
        if not waiting:
            return 0
        answered = asyncio.run(self._answer(waiting, now))
        with transaction(self.engine) as session:
            forget_old(session, now=now)
        return answered

    async def _answer(self, knock_ids: Sequence[int | None], now: datetime) -> int:
        """Answer one after another: who is not reached yet is not moved on either."""
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

    def _errand(self, knock_id: int | None, now: datetime) -> Errand | None:
        taken = self._taken(knock_id, now)
        if taken is None:
            return None
        try:
            # Not while the knock is moved on: a template takes its time.
            if taken.state is KnockState.MAILED:
                return self._confirmation(taken)
            with reading(self.engine) as session:
                return self._welcome(session, taken, now)
        except FlashmailError as problem:
            logger.exception("knock %s cannot be answered", knock_id)
            self._note(taken.id, reason=str(problem)[:500])
            return None

    def _taken(self, knock_id: int | None, now: datetime) -> Knock | None:
        """Move a knock on, before anything is handed over: it is answered once."""
        with transaction(self.engine) as session:
            waiting = _waiting().where(Knock.id == knock_id)
            knock = session.exec(waiting.with_for_update(skip_locked=True)).first()
            if knock is None:
                return None
            if knock.state is KnockState.CONFIRMED:
                knock.state = KnockState.WELCOMED
                return knock
            knock.reason = refusal(session, knock, now=now)
            if knock.reason:
                knock.state = KnockState.REFUSED
                return None
            knock.state, knock.mailed_at = KnockState.MAILED, now
            return knock

    def _confirmation(self, knock: Knock) -> Errand:
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
        return Errand(knock.id, KnockState.ASKED, knock.address, message, {})

    def _welcome(self, session: Session, knock: Knock, now: datetime) -> Errand | None:
        person = session.get(Subscriber, knock.subscriber_id)
        if person is None or knock.moves or knock.id is None:
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
        return Errand(knock.id, KnockState.CONFIRMED, person.address, message, values)

    def _token(self, purpose: Purpose, number: int) -> str:
        return self.tokens.write(purpose, NO_CAMPAIGN, number)

    def _book(self, errand: Errand, receipt: Receipt) -> None:
        """What was surely not taken is tried again; all else is done with."""
        if receipt.outcome is Outcome.ACCEPTED:
            return
        again: dict[str, object] = {}
        if receipt.outcome is Outcome.LATER:
            again["state"] = errand.before
            if errand.before is KnockState.ASKED:
                again["mailed_at"] = None
        self._note(errand.knock_id, reason=receipt.reason[:500], **again)

    def _note(self, knock_id: int | None, **values: object) -> None:
        with transaction(self.engine) as session:
            session.execute(
                update(Knock).where(col(Knock.id) == knock_id).values(**values)
            )


def latest_about(
    session: Session, names: Sequence[str], *, now: datetime
) -> Brief | None:
    """Return the latest brief on any of these topics, in the form that counts now."""
    known = lineage(session)
    tags = known.expand(name for name in names if name in known.parents)
    told = (
        select(Campaign)
        .where(col(Campaign.status).in_(TOLD), col(Campaign.brief_id).is_not(None))
        .where(~col(Campaign.planned))
        .order_by(col(Campaign.started_at).desc())
        .limit(LOOKED_AT)
    )
    for campaign in session.exec(told):
        form = None if tags.isdisjoint(campaign.topics) else latest(session, campaign)
        if form is None or not lifted(embargo_of(session, form), now=now):
            continue
        stored = session.get_one(StoredBrief, form.brief_id)
        return briefs.read(stored.markdown)
    return None


def _waiting() -> SelectOfScalar[Knock]:
    waits = (KnockState.ASKED, KnockState.CONFIRMED)
    return select(Knock).where(col(Knock.state).in_(waits)).order_by(col(Knock.id))


def _topics(session: Session, person: Subscriber) -> list[str]:
    following = (
        select(Topic.name)
        .join(Subscription, col(Subscription.topic_id) == col(Topic.id))
        .where(Subscription.subscriber_id == person.id)
        .order_by(col(Topic.id))
    )
    return list(session.exec(following))
