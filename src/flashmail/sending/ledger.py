"""The ledger: what became of each delivery that a worker had in its hands.

Every function is one transaction, and says first whether the batch is still this
worker's: `Fenced` when it is not.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Engine, Update, bindparam, case, or_, update
from sqlmodel import Session, col, exists, select

from flashmail.database import reading, transaction
from flashmail.model import (
    OPEN,
    Batch,
    BatchState,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
)
from flashmail.sending import journal
from flashmail.sending.claim import LEASE, Claim, changed, in_range
from flashmail.transports import Fenced, Outcome, Receipt

#: A delivery that was put off for so long has failed: the news in it is stale.
GIVE_UP_AFTER = timedelta(hours=24)

#: What is put off waits twice as long each time, from the first wait to the longest.
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)

#: In a worker's hands.
IN_HAND = (DeliveryState.CLAIMED, DeliveryState.ARMED)

BOOKED = {
    Outcome.ACCEPTED: DeliveryState.SENT,
    Outcome.REFUSED: DeliveryState.FAILED,
    Outcome.LATER: DeliveryState.QUEUED,
    Outcome.UNKNOWN: DeliveryState.UNKNOWN,
}

REASON_LENGTH = 500


def arm(
    engine: Engine, held: Claim, subscriber_ids: Sequence[int], *, now: datetime
) -> None:
    """Mark deliveries durably, right before the bytes that can cause acceptance."""
    with transaction(engine) as session:
        _hold(session, held, now)
        session.execute(
            update(Delivery)
            .where(col(Delivery.campaign_id) == held.campaign.id)
            .where(col(Delivery.subscriber_id).in_(subscriber_ids))
            .where(col(Delivery.state).in_(IN_HAND))
            .values(state=DeliveryState.ARMED, at=now)
            .execution_options(synchronize_session=False)
        )


def book(
    engine: Engine, held: Claim, receipts: Iterable[Receipt], *, now: datetime
) -> None:
    """Write down what became of a batch, unless an event was faster, and let it go.

    Whoever has no receipt was surely not handed over and is queued again.
    """
    stale = now - (held.campaign.started_at or now) > GIVE_UP_AFTER
    sent, others = [], []
    for each in receipts:
        if each.outcome is Outcome.ACCEPTED and not each.reason:
            sent.append(each.subscriber_id)
        else:
            others.append(_outcome(each, stale=stale))
    with transaction(engine) as session:
        _hold(session, held, now)
        if sent:
            session.execute(_sent(held, sent, now))
        if others:
            session.connection().execute(_booking(held, now), others)
        _let_go(session, session.get_one(Batch, held.batch_id), now)


def extend(engine: Engine, held: Claim, *, now: datetime) -> None:
    """Show a sign of life, so that nobody else takes the batch."""
    with transaction(engine) as session:
        _hold(session, held, now)


def rescue(engine: Engine, journals: Path | None = None, *, now: datetime) -> int:
    """Take batches from workers that are dead or went silent; return how many.

    What such a worker had armed is unknown from now on; the rest is queued again. In
    `journals` lie those of the workers of this home.
    """
    in_hand = select(Batch).where(Batch.state == BatchState.CLAIMED)
    with reading(engine) as session:
        if not any(_is_lost(each, journals, now) for each in session.exec(in_hand)):
            return 0
    with transaction(engine) as session:
        batches = session.exec(in_hand.with_for_update(skip_locked=True)).all()
        lost = [batch for batch in batches if _is_lost(batch, journals, now)]
        for batch in lost:
            if batch.journal:
                _read_journal(session, batch, journals, now)
            batch.fence += 1
            _let_go(session, batch, now)
        return len(lost)


def finish(engine: Engine, *, now: datetime) -> None:
    """Close every campaign that has nothing left to do, which its rows tell."""
    unfinished = exists().where(
        col(Batch.campaign_id) == col(Campaign.id), col(Batch.state) != BatchState.DONE
    )
    with transaction(engine) as session:
        session.execute(
            update(Campaign)
            .where(col(Campaign.status) == CampaignStatus.SENDING, ~unfinished)
            .values(status=CampaignStatus.SENT, finished_at=now)
            .execution_options(synchronize_session=False)
        )


def wait_before(attempt: int) -> timedelta:
    """Return how long a delivery rests after its n-th attempt was put off."""
    doubled: int = 2 ** min(attempt - 1, 16)
    return min(FIRST_WAIT * doubled, LONGEST_WAIT)


def _is_lost(batch: Batch, journals: Path | None, now: datetime) -> bool:
    if batch.lease_until is None or batch.lease_until < now:
        return True
    return journals is not None and journal.is_dead(journals, batch.worker)


def _read_journal(
    session: Session, batch: Batch, journals: Path | None, now: datetime
) -> None:
    """Write into the table whom the lost worker had armed, as its journal says.

    Of some it also says that the provider accepted them before the worker died.

    Without the journal (it lies on another machine) any of them may have been.
    """
    assert batch.id is not None
    claimed = in_range(batch) & (col(Delivery.state) == DeliveryState.CLAIMED)
    armed = None
    if journals is not None:
        journal.shut_out(journals, batch.worker, batch.id, batch.fence)
        armed = journal.armed(journals, batch.worker, batch.id, batch.fence)
        accepted = journal.accepted(journals, batch.worker, batch.id, batch.fence)
        session.execute(
            update(Delivery)
            .where(claimed, col(Delivery.subscriber_id).in_(accepted or ()))
            .values(state=DeliveryState.SENT, at=now)
            .execution_options(synchronize_session=False)
        )
    if armed is not None:
        claimed &= col(Delivery.subscriber_id).in_(armed)
    session.execute(
        update(Delivery)
        .where(claimed)
        .values(state=DeliveryState.ARMED, at=now)
        .execution_options(synchronize_session=False)
    )


def _outcome(receipt: Receipt, *, stale: bool) -> dict[str, object]:
    state, reason = BOOKED[receipt.outcome], receipt.reason
    given_up = stale and state is DeliveryState.QUEUED
    if given_up:
        state, reason = DeliveryState.FAILED, f"given up after a day: {reason}"
    return {
        "who": receipt.subscriber_id,
        "to": state,
        "why": reason[:REASON_LENGTH],
        "again": given_up,
    }


def _sent(held: Claim, subscriber_ids: Sequence[int], now: datetime) -> Update:
    """Return what books all at once who were simply accepted, as most are."""
    return (
        update(Delivery)
        .where(col(Delivery.campaign_id) == held.campaign.id)
        .where(col(Delivery.subscriber_id).in_(subscriber_ids))
        .where(col(Delivery.state).in_(IN_HAND))
        .values(state=DeliveryState.SENT, reason="", retryable=False, at=now)
        .execution_options(synchronize_session=False)
    )


def _booking(held: Claim, now: datetime) -> Update:
    table = Delivery.__table__  # type: ignore[attr-defined]
    return (
        update(table)
        .where(table.c.campaign_id == held.campaign.id)
        .where(table.c.subscriber_id == bindparam("who"))
        # No IN here: its list of parameters is not for many rows at once.
        .where(or_(*(table.c.state == state for state in IN_HAND)))
        .values(
            state=bindparam("to"),
            reason=bindparam("why"),
            retryable=bindparam("again"),
            at=now,
        )
    )


def _hold(session: Session, held: Claim, now: datetime) -> None:
    mine = session.execute(
        update(Batch)
        .where(col(Batch.id) == held.batch_id, col(Batch.fence) == held.fence)
        .where(col(Batch.state) == BatchState.CLAIMED)
        .values(lease_until=now + LEASE)
        .execution_options(synchronize_session=False)
    )
    if changed(mine) != 1:
        raise Fenced(f"batch {held.batch_id} was taken over by another worker")


def _let_go(session: Session, batch: Batch, now: datetime) -> None:
    """Settle what is still in hand; close the batch, or open it again for the rest."""
    _settle(session, in_range(batch), now)
    if session.get_one(Campaign, batch.campaign_id).status is CampaignStatus.CANCELLED:
        _cancel_rest(session, in_range(batch), now)
    attempts = session.scalar(
        select(Delivery.attempts)
        .where(in_range(batch), col(Delivery.state).in_(OPEN))
        .order_by(col(Delivery.attempts).desc())
        .limit(1)
    )
    batch.state = BatchState.DONE if attempts is None else BatchState.OPEN
    batch.ready_at = now + wait_before(attempts) if attempts else now
    batch.lease_until = None


def _settle(session: Session, rows: ColumnElement[bool], now: datetime) -> None:
    """Say of deliveries that nobody holds any more what is surely true of them."""
    armed = col(Delivery.state) == DeliveryState.ARMED
    attempts = col(Delivery.attempts)
    session.execute(
        update(Delivery)
        .where(rows, col(Delivery.state).in_(IN_HAND))
        .values(
            state=case(
                (armed, DeliveryState.UNKNOWN.value), else_=DeliveryState.QUEUED.value
            ),
            reason=case((armed, "no answer came before the worker stopped"), else_=""),
            # An attempt that never began does not count.
            attempts=case((armed, attempts), else_=attempts - 1),
            at=now,
        )
        .execution_options(synchronize_session=False)
    )


def _cancel_rest(session: Session, rows: ColumnElement[bool], now: datetime) -> None:
    session.execute(
        update(Delivery)
        .where(rows, col(Delivery.state) == DeliveryState.QUEUED)
        .values(state=DeliveryState.CANCELLED, at=now, reason="campaign cancelled")
        .execution_options(synchronize_session=False)
    )
