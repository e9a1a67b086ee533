"""Letters: what staff have to know, and campaigns as a test, by mail to staff only."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape

from sqlalchemy import Engine, update
from sqlmodel import Session, col, select

from flashmail import audit
from flashmail.audience.suppression import may_be_mailed
from flashmail.campaigns.content import Sender, message_of
from flashmail.campaigns.lifecycle import get_campaign
from flashmail.database import reading, transaction
from flashmail.errors import WrongInput
from flashmail.message import TOKEN, TOKEN_WIDTH, TOKENS, Message, mark
from flashmail.model import MOVE, Campaign, TransactionalMail, TransactionalState
from flashmail.rendering.renderer import SAMPLE
from flashmail.transports import Outcome, Receipt, Recipient, SenderProblem, Transport

logger = logging.getLogger(__name__)


async def hand_over(
    transport: Transport,
    message: Message,
    *,
    number: int,
    address: str,
    values: Mapping[str, str],
) -> Receipt:
    """Hand a mail over that its row was moved on for: it is not tried twice.

    What was not expected may have happened after the bytes had left, so nobody knows.
    """
    # With tokens that no mail has: whatever is reported with them finds nobody.
    nobodys = {field: secrets.token_hex(TOKEN_WIDTH // 2) for field in TOKENS}
    who = Recipient(number, address, {**nobodys, "address": address, **values})
    try:
        return (await transport.send(message, [who], _no_mark))[0]
    except SenderProblem as problem:
        later = Receipt(number, Outcome.LATER, str(problem))
        return next(iter(problem.receipts), later)
    except Exception as problem:
        logger.exception("nobody knows whether mail %s went", number)
        why = f"nobody knows whether it went: {problem}"
        return Receipt(number, Outcome.UNKNOWN, why)


async def _no_mark(ids: Sequence[int]) -> None:
    """Its row was moved on for good before: there is nothing more to note."""


#: A test goes to so many people at most, and to staff only.
MOST_TESTS = 10

TEST = "[Test] "

#: How long a letter rests that the mail server would not take yet.
LATER = timedelta(minutes=1)

#: A test cannot unsubscribe anybody, so it does not say that it could.
LEAVING = frozenset({"list-unsubscribe", "list-unsubscribe-post"})

#: What is said of a reader in a test.
ANYBODY = {field: SAMPLE[field] for field in ("name", "first_name", "because")}

NO_MORE = "the address gets no more mail"

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
        letter = TransactionalMail(
            address=each, campaign_id=campaign_id, asked_by=by, at=now
        )
        session.add(letter)
    audit.record(
        session, audit.of_campaign(campaign_id), "test", by=by, now=now, to=wanted
    )
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
    """Have something told to people on the staff by mail."""
    for each in addresses:
        letter = TransactionalMail(
            address=each, subject=subject, text=text, asked_by=by, at=now
        )
        session.add(letter)


def tests_of(session: Session, campaign_id: int) -> list[TransactionalMail]:
    """Return a campaign's tests, the latest first."""
    rows = select(TransactionalMail).where(TransactionalMail.campaign_id == campaign_id)
    return list(
        session.exec(rows.order_by(col(TransactionalMail.id).desc()).limit(MOST_TESTS))
    )


@dataclass(frozen=True)
class Postman:
    """Hands letters over, each at most once; `transport` makes its way out."""

    engine: Engine
    transport: Callable[[], Transport]
    sender: Sender

    def go(self, *, now: datetime) -> int:
        """Hand over every letter that is due; return how many there were."""
        letters = self._claimed(now)
        if letters:
            asyncio.run(self._carry(letters, now))
        return len(letters)

    def _claimed(self, now: datetime) -> list[tuple[TransactionalMail, Message]]:
        due = select(TransactionalMail).where(
            TransactionalMail.state == TransactionalState.QUEUED,
            TransactionalMail.at <= now,
        )
        with reading(self.engine) as session:
            if session.exec(due.limit(1)).first() is None:
                return []
        with transaction(self.engine) as session:
            found = []
            for each in session.exec(due.with_for_update(skip_locked=True)):
                each.state = TransactionalState.CLAIMED
                if each.asked_by == MOVE and not may_be_mailed(session, each.address):
                    each.state, each.reason = TransactionalState.FAILED, NO_MORE
                    continue
                found.append((each, self._message(session, each)))
            return found

    def _message(self, session: Session, letter: TransactionalMail) -> Message:
        if letter.campaign_id is not None:
            return as_test(session.get_one(Campaign, letter.campaign_id))
        return _plain(self.sender, letter)

    async def _carry(
        self, letters: list[tuple[TransactionalMail, Message]], now: datetime
    ) -> None:
        transport = self.transport()
        try:
            for letter, message in letters:
                assert letter.id is not None
                receipt = await hand_over(
                    transport,
                    message,
                    number=letter.id,
                    address=letter.address,
                    values=ANYBODY,
                )
                self._book(letter, receipt, now)
        finally:
            await transport.close()

    def _book(self, letter: TransactionalMail, receipt: Receipt, now: datetime) -> None:
        state = BOOKED[receipt.outcome]
        at = now + LATER if state is TransactionalState.QUEUED else now
        with transaction(self.engine) as session:
            session.execute(
                update(TransactionalMail)
                .where(col(TransactionalMail.id) == letter.id)
                .where(col(TransactionalMail.state) == TransactionalState.CLAIMED)
                .values(state=state, reason=receipt.reason[:500], at=at)
            )


def as_test(campaign: Campaign) -> Message:
    """Return a campaign's mail, said to be a test; nobody can leave by it."""
    message = message_of(campaign)
    headers = [each for each in message.headers if each[0].lower() not in LEAVING]
    subject = f"{TEST}{message.subject}"
    return replace(message, subject=subject, headers=tuple(headers))


def _plain(sender: Sender, letter: TransactionalMail) -> Message:
    paragraphs = "".join(f"<p>{escape(each)}</p>" for each in letter.text.split("\n\n"))
    return Message(
        subject=letter.subject,
        html=f'<!doctype html><html lang="en"><body>{paragraphs}</body></html>',
        text=letter.text,
        headers=(
            ("From", f"{sender.name} <{sender.address}>"),
            ("Message-ID", f"<{mark(TOKEN)}@{sender.domain}>"),
            ("Auto-Submitted", "auto-generated"),
        ),
        envelope_sender=sender.address,
    )
