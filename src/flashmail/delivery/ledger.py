"""The ledger: what became of each delivery that a worker had in its hands.

Every function is one transaction, and says first whether the batch is still this
worker's: `Fenced` when it is not.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, update
from sqlmodel import Session, col, exists, select

from flashmail.database import reading, transaction
from flashmail.delivery import journal, statements
from flashmail.delivery.claim import LEASE, Claim
from flashmail.model import Batch, BatchState, Campaign, CampaignStatus, DeliveryState
from flashmail.transports import Fenced, Outcome, Receipt

#: A delivery that was put off for so long has failed: the news in it is stale.
GIVE_UP_AFTER = timedelta(hours=24)

#: What is put off waits twice as long each time, from the first wait to the longest.
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)

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
        connection = session.connection()
        place = _hold(connection, held, now)
        connection.execute(
            statements.ARM, _range(place, now) | {"numbers": subscriber_ids}
        )


def book(
    engine: Engine, held: Claim, receipts: Iterable[Receipt], *, now: datetime
) -> None:
    """Write down what became of a batch, unless an event was faster, and let it go.

    A delivery without a receipt was surely not handed over and is queued again.
    """
    sent, others = _sorted_out(held, receipts, now)
    with transaction(engine) as session:
        connection = session.connection()
        place = _hold(connection, held, now)
        if sent:
            rows = _range(place, now)
            connection.execute(statements.BOOK_SENT, rows | {"numbers": sent})
        if others:
            connection.execute(statements.BOOK_OTHER, others)
        _let_go(connection, place, now)


def extend(engine: Engine, held: Claim, *, now: datetime) -> None:
    """Show a sign of life, so that nobody else takes the batch."""
    with transaction(engine) as session:
        _hold(session.connection(), held, now)


def take_over_expired(
    engine: Engine, journals: Path | None = None, *, now: datetime
) -> int:
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
            if batch.marks_in_journal:
                _read_journal(session, batch, journals, now)
            batch.fence += 1
            session.flush()
            _let_go(session.connection(), _place(batch), now)
        return len(lost)


def remove_stale_journals(engine: Engine, journals: Path) -> None:
    """Remove the journals of the dead that nobody has to read any more."""
    dead = journal.of_the_dead(journals)
    if not dead:
        return
    with reading(engine) as session:
        in_hand = select(Batch.worker).where(Batch.state == BatchState.CLAIMED)
        needed = set(session.exec(in_hand.distinct()))
    journal.remove(journals, dead, needed)


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
    """Write into the table what the lost worker had armed, as its journal says.

    Of some it also says that the provider accepted them before the worker died.

    Without the journal (it lies on another machine) any of them may have been.
    """
    assert batch.id is not None
    connection, rows = session.connection(), _range(_place(batch), now)
    armed = None
    if journals is not None:
        journal.shut_out(journals, batch.worker, batch.id, batch.fence)
        armed, accepted = journal.read(journals, batch.worker, batch.id, batch.fence)
        connection.execute(statements.BOOK_SENT, rows | {"numbers": accepted})
    if armed is None:
        connection.execute(statements.ARM_ALL, rows)
    else:
        connection.execute(statements.ARM, rows | {"numbers": armed})


def _sorted_out(
    held: Claim, receipts: Iterable[Receipt], now: datetime
) -> tuple[list[int], list[dict[str, object]]]:
    """Return the simply accepted readers, and what to write of each of the others."""
    stale = now - (held.campaign.started_at or now) > GIVE_UP_AFTER
    sent, others = [], []
    for number, outcome, reason in receipts:
        if outcome is Outcome.ACCEPTED and not reason:
            sent.append(number)
        else:
            told = _outcome(outcome, reason, stale=stale)
            others.append(
                {"whose": held.campaign.id, "moment": now, "number": number} | told
            )
    return sent, others


def _outcome(outcome: Outcome, reason: str, *, stale: bool) -> dict[str, object]:
    state = BOOKED[outcome]
    given_up = stale and state is DeliveryState.QUEUED
    if given_up:
        state, reason = DeliveryState.FAILED, f"given up after a day: {reason}"
    return {"to": state, "why": reason[:REASON_LENGTH], "again": given_up}


class _Place(NamedTuple):
    """Where a batch lies: its number, its campaign, and its range of subscribers."""

    batch_id: int
    campaign_id: int
    first: int
    last: int


def _place(batch: Batch) -> _Place:
    assert batch.id is not None
    return _Place(batch.id, batch.campaign_id, batch.first_id, batch.last_id)


def _hold(connection: Connection, held: Claim, now: datetime) -> _Place:
    mine = connection.execute(
        statements.HOLD,
        {"which": held.batch_id, "claim": held.fence, "until": now + LEASE},
    ).first()
    if mine is None:
        raise Fenced(f"batch {held.batch_id} was taken over by another worker")
    return _Place(held.batch_id, *mine)


def _range(place: _Place, now: datetime) -> dict[str, object]:
    return {
        "whose": place.campaign_id,
        "lowest": place.first,
        "highest": place.last,
        "moment": now,
    }


def _let_go(connection: Connection, place: _Place, now: datetime) -> None:
    """Settle what is still in hand; close the batch, or open it again for the rest."""
    rows = _range(place, now)
    connection.execute(statements.SETTLE, rows)
    status = connection.execute(
        statements.STATUS, {"whose": place.campaign_id}
    ).scalar()
    if status is CampaignStatus.CANCELLED:
        connection.execute(statements.CANCEL_REST, rows)
    del rows["moment"]
    attempts = connection.execute(statements.ATTEMPTS, rows).scalar()
    done = {
        "which": place.batch_id,
        "to": BatchState.DONE if attempts is None else BatchState.OPEN,
        "ready": now + wait_before(attempts) if attempts else now,
    }
    connection.execute(statements.LET_GO, done)
