"""The queue of transactional mails: each is handed over at most once.

A mail is claimed, which is committed, before its bytes leave. What was surely not taken
is tried again later; what nobody can know stays claimed, with the reason, and is never
sent a second time. One that cannot be composed fails alone.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, or_, update
from sqlmodel import Session, col, select

from flashmail import audit
from flashmail.campaigns.content import MailKit
from flashmail.campaigns.lifecycle import get_campaign
from flashmail.database import reading, transaction
from flashmail.errors import FlashmailError, WrongInput
from flashmail.links import Tokens
from flashmail.message import TOKEN_WIDTH, TOKENS, Message
from flashmail.model import TransactionalKind, TransactionalMail, TransactionalState
from flashmail.subscribers.requests import forget_old, note_answer, take_request
from flashmail.transactional.mails import compose, refusal
from flashmail.transports import Outcome, Receipt, Recipient, SenderProblem, Transport

logger = logging.getLogger(__name__)

#: A test goes to so many people at most, and to staff only.
MOST_TESTS = 10

#: How many mails are looked at in one run.
LOOKED_AT = 50

#: How long a mail rests that the mail server would not take yet.
LATER = timedelta(minutes=1)

REASON_LENGTH = 500

BOOKED = {
    Outcome.ACCEPTED: TransactionalState.SENT,
    Outcome.REFUSED: TransactionalState.FAILED,
    Outcome.LATER: TransactionalState.QUEUED,
    Outcome.UNKNOWN: TransactionalState.CLAIMED,
}


def request_test(
    session: Session,
    campaign_id: int,
    addresses: Collection[str],
    *,
    staff: Collection[str],
    by: str,
    now: datetime,
) -> int:
    """Have a campaign sent to some of the staff as a test; return to how many."""
    get_campaign(session, campaign_id)
    wanted = sorted({each.strip().lower() for each in addresses if each.strip()})
    if not wanted or len(wanted) > MOST_TESTS:
        raise WrongInput(f"a test goes to one to {MOST_TESTS} addresses")
    if strangers := [each for each in wanted if each not in staff]:
        raise WrongInput(f"a test goes to staff only: {strangers[0]} is not among them")
    for each in wanted:
        mail = TransactionalMail(
            kind=TransactionalKind.TEST,
            address=each,
            campaign_id=campaign_id,
            requested_by=by,
            created_at=now,
        )
        session.add(mail)
    subject = audit.of_campaign(campaign_id)
    audit.record(session, subject, "test", by=by, now=now, to=wanted)
    return len(wanted)


def notify_staff(
    session: Session,
    addresses: Iterable[str],
    subject: str,
    text: str,
    *,
    by: str,
    now: datetime,
) -> None:
    """Have something told to members of staff by mail."""
    for each in addresses:
        mail = TransactionalMail(
            kind=TransactionalKind.STAFF_NOTICE,
            address=each,
            subject=subject,
            text=text,
            requested_by=by,
            created_at=now,
        )
        session.add(mail)


def tests_of(session: Session, campaign_id: int) -> list[TransactionalMail]:
    """Return a campaign's tests, the latest first."""
    rows = select(TransactionalMail).where(TransactionalMail.campaign_id == campaign_id)
    return list(
        session.exec(rows.order_by(col(TransactionalMail.id).desc()).limit(MOST_TESTS))
    )


@dataclass(frozen=True)
class TransactionalSender:
    """Sends what is in the queue; `transport` makes the way out, `kit` the mails."""

    engine: Engine
    transport: Callable[[], Transport]
    kit: MailKit
    tokens: Tokens

    def run(self, *, now: datetime) -> int:
        """Send the mails that are due; return how many were handed over."""
        rested = col(TransactionalMail.retry_at) <= now
        due = (
            select(TransactionalMail.id)
            .where(TransactionalMail.state == TransactionalState.QUEUED)
            .where(or_(col(TransactionalMail.retry_at).is_(None), rested))
            .order_by(col(TransactionalMail.id))
        )
        with reading(self.engine) as session:
            waiting = list(session.exec(due.limit(LOOKED_AT)))
        if not waiting:
            return 0
        sent = asyncio.run(self._send(waiting, now))
        with transaction(self.engine) as session:
            forget_old(session, now=now)
        return sent

    async def _send(self, ids: Sequence[int | None], now: datetime) -> int:
        """Send one after another: one that is not reached yet is not claimed either."""
        transport, sent = self.transport(), 0
        try:
            for mail_id in ids:
                mail = self._claimed(mail_id, now)
                made = self._composed(mail, now) if mail else None
                if mail is None or made is None:
                    continue
                receipt = await hand_over(transport, mail, *made)
                self._book(mail, receipt, now)
                sent += 1
        finally:
            await transport.close()
        return sent

    def _claimed(self, mail_id: int | None, now: datetime) -> TransactionalMail | None:
        """Claim a mail before anything is handed over, unless it must not go."""
        waiting = select(TransactionalMail).where(
            TransactionalMail.id == mail_id,
            TransactionalMail.state == TransactionalState.QUEUED,
        )
        with transaction(self.engine) as session:
            locked = waiting.with_for_update(skip_locked=True)
            mail = session.exec(locked).first()
            if mail is None:
                return None
            why = refusal(session, mail) or _request_refusal(session, mail, now)
            if why:
                mail.state, mail.reason = TransactionalState.FAILED, why
                return None
            mail.state = TransactionalState.CLAIMED
            return mail

    def _composed(
        self, mail: TransactionalMail, now: datetime
    ) -> tuple[Message, Mapping[str, str]] | None:
        """Return the message; not while the mail is claimed, as templates take time."""
        try:
            with reading(self.engine) as session:
                made = compose(session, mail, self.kit, self.tokens, now=now)
        except FlashmailError as problem:
            logger.exception("transactional mail %s cannot be composed", mail.id)
            self._note(mail, TransactionalState.FAILED, str(problem), now)
            return None
        if made is None:
            self._note(mail, TransactionalState.FAILED, "nothing to send any more", now)
        return made

    def _book(self, mail: TransactionalMail, receipt: Receipt, now: datetime) -> None:
        self._note(mail, BOOKED[receipt.outcome], receipt.reason, now)

    def _note(
        self,
        mail: TransactionalMail,
        state: TransactionalState,
        reason: str,
        now: datetime,
    ) -> None:
        """Write what became of a claimed mail, and of its request."""
        reason, waits = reason[:REASON_LENGTH], state is TransactionalState.QUEUED
        with transaction(self.engine) as session:
            session.execute(
                update(TransactionalMail)
                .where(col(TransactionalMail.id) == mail.id)
                .where(col(TransactionalMail.state) == TransactionalState.CLAIMED)
                .values(
                    state=state,
                    reason=reason,
                    retry_at=now + LATER if waits else None,
                )
            )
            if mail.request_id is not None and state is not TransactionalState.SENT:
                note_answer(session, mail.request_id, reason, reopen=waits)


def _request_refusal(session: Session, mail: TransactionalMail, now: datetime) -> str:
    """Move the request of a mail on; return why it must not be answered, or nothing."""
    if mail.request_id is None:
        return ""
    confirms = mail.kind is TransactionalKind.CONFIRMATION
    return take_request(session, mail.request_id, confirms=confirms, now=now)


async def hand_over(
    transport: Transport,
    mail: TransactionalMail,
    message: Message,
    values: Mapping[str, str],
) -> Receipt:
    """Hand a claimed mail over.

    What was not expected may have happened after the bytes had left: it is unknown.
    """
    assert mail.id is not None
    # With tokens that no delivery has: whatever is reported with them finds nothing.
    nobodys = {field: secrets.token_hex(TOKEN_WIDTH // 2) for field in TOKENS}
    filled = {**nobodys, "address": mail.address, **values}
    reader = Recipient(mail.id, mail.address, filled)
    try:
        return (await transport.send(message, [reader], _no_mark))[0]
    except SenderProblem as problem:
        later = Receipt(mail.id, Outcome.LATER, str(problem))
        return next(iter(problem.receipts), later)
    except Exception as problem:
        logger.exception("it is not known whether mail %s went", mail.id)
        why = f"nobody knows whether it went: {problem}"
        return Receipt(mail.id, Outcome.UNKNOWN, why)


async def _no_mark(ids: Sequence[int]) -> None:
    """The mail is claimed for good: there is nothing more to note."""
