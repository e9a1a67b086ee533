"""Retry: what failed, but not for good, is queued again when a person says so."""

from contextlib import suppress
from datetime import datetime

from sqlalchemy import Engine, update
from sqlmodel import Session, and_, col, distinct, exists, func, select

from flashmail import audit
from flashmail.campaigns.lifecycle import (
    InvalidTransition,
    get_campaign,
    pause,
    transition,
)
from flashmail.database import reading, rows_changed, transaction
from flashmail.errors import WrongInput
from flashmail.model import (
    AuditEntry,
    Batch,
    BatchState,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
    Event,
    EventKind,
)

WHO = "complaint guard"

#: Gmail and Yahoo want fewer than 0.1 % and turn mail away from 0.3 % on. Of fewer
#: mails than these a single complaint says nothing.
HIGHEST_RATE = 0.002

FEWEST = 1_000

#: The person that resumed the campaign knew of its complaints, not of as many again.
AGAIN = 2

ACCEPTED = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.BOUNCED)


def too_many(complaints: int, accepted: int, *, known: int = 0) -> bool:
    """Whether to stop, when a person has let it go on despite `known` complaints."""
    if accepted < FEWEST or complaints < AGAIN * known:
        return False
    return complaints > HIGHEST_RATE * accepted


def pause_unwanted(engine: Engine, *, now: datetime) -> list[int]:
    """Pause each campaign under way that has too many complaints; return them."""
    unwanted = _unwanted(engine)
    for campaign_id, note in unwanted.items():
        # A person may have been quicker: then it is under way no more.
        with suppress(InvalidTransition), transaction(engine) as session:
            pause(session, campaign_id, by=WHO, now=now, note=note)
    return list(unwanted)


def _unwanted(engine: Engine) -> dict[int, str]:
    found = {}
    # Asked often and mostly for nothing: nobody has to wait for it.
    with reading(engine) as session:
        for campaign_id, complaints in _complained(session):
            accepted = _accepted(session, campaign_id)
            if too_many(complaints, accepted, known=_known(session, campaign_id)):
                note = f"{complaints:,} of {accepted:,} complained: look at it first"
                found[campaign_id] = note
    return found


def _complained(session: Session) -> list[tuple[int, int]]:
    """Return campaigns under way that have enough complaints to be worth counting."""
    people = func.count(distinct(col(Event.subscriber_id)))
    rows = session.exec(
        select(Event.campaign_id, people)
        .join(Campaign, col(Campaign.id) == col(Event.campaign_id))
        .where(col(Campaign.status) == CampaignStatus.SENDING)
        .where(col(Event.kind) == EventKind.COMPLAINED)
        .group_by(col(Event.campaign_id))
        .having(people > HIGHEST_RATE * FEWEST)
    )
    return [(campaign_id, count) for campaign_id, count in rows]


def _accepted(session: Session, campaign_id: int) -> int:
    return session.exec(
        select(func.count())
        .select_from(Delivery)
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state).in_(ACCEPTED))
    ).one()


def _known(session: Session, campaign_id: int) -> int:
    """Return how many had complained when the guard last stopped this campaign."""
    last = session.exec(
        select(AuditEntry)
        .where(AuditEntry.done_by == WHO)
        .where(AuditEntry.subject == f"campaign {campaign_id}")
        .order_by(col(AuditEntry.id).desc())
    ).first()
    if last is None:
        return 0
    return session.exec(
        select(func.count(distinct(col(Event.subscriber_id))))
        .where(col(Event.campaign_id) == campaign_id)
        .where(col(Event.kind) == EventKind.COMPLAINED)
        .where(col(Event.recorded_at) <= last.at)
    ).one()


def retry(
    session: Session, campaign_id: int, *, unknown: bool, by: str, now: datetime
) -> int:
    """Queue again what may be retried of a campaign; return how many that are.

    That is what failed through no fault of its address: it was put off for too long, or
    blocked. With `unknown` also what is unknown, of which some may get a second copy.
    """
    require_open(session, campaign_id)
    count = _queue(session, campaign_id, DeliveryState.FAILED, now)
    if unknown:
        count += _queue(session, campaign_id, DeliveryState.UNKNOWN, now)
    if count:
        reopen_batches(session, campaign_id, now=now)
        audit.record(
            session,
            audit.of_campaign(campaign_id),
            "retry",
            by=by,
            now=now,
            queued=count,
            with_unknown=unknown,
        )
    return count


def require_open(session: Session, campaign_id: int) -> None:
    """Refuse to send more of what was cancelled, or of what was corrected since."""
    if get_campaign(session, campaign_id).status is CampaignStatus.CANCELLED:
        raise InvalidTransition(
            f"campaign {campaign_id} is cancelled: nothing to retry"
        )
    if _corrected(session, campaign_id):
        raise InvalidTransition(
            f"campaign {campaign_id} was corrected: send that instead"
        )


def _corrected(session: Session, campaign_id: int) -> bool:
    unheard = and_(
        col(Campaign.status) == CampaignStatus.CANCELLED,
        col(Campaign.started_at).is_(None),
    )
    rows = select(Campaign.id).where(Campaign.amends_id == campaign_id, ~unheard)
    return session.exec(rows.limit(1)).first() is not None


def reopen_batches(session: Session, campaign_id: int, *, now: datetime) -> None:
    """Let a campaign's deliveries that are queued again be claimed."""
    _open_batches(session, campaign_id, now)
    if get_campaign(session, campaign_id).status is CampaignStatus.SENT:
        transition(
            session,
            campaign_id,
            CampaignStatus.SENDING,
            started_at=now,
            finished_at=None,
        )


def _queue(
    session: Session, campaign_id: int, state: DeliveryState, now: datetime
) -> int:
    rows = (col(Delivery.campaign_id) == campaign_id) & (col(Delivery.state) == state)
    if state is DeliveryState.FAILED:
        rows &= col(Delivery.retryable)
    queued = session.execute(
        update(Delivery)
        .where(rows)
        .values(state=DeliveryState.QUEUED, retryable=False, reason="", state_since=now)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(queued)


def _open_batches(session: Session, campaign_id: int, now: datetime) -> None:
    queued = exists().where(
        col(Delivery.campaign_id) == campaign_id,
        col(Delivery.subscriber_id).between(col(Batch.first_id), col(Batch.last_id)),
        col(Delivery.state) == DeliveryState.QUEUED,
    )
    session.execute(
        update(Batch)
        .where(col(Batch.campaign_id) == campaign_id)
        .where(col(Batch.state) == BatchState.DONE, queued)
        .values(state=BatchState.OPEN, ready_at=now)
        .execution_options(synchronize_session=False)
    )


#: What a person may say became of them.
TAKEN_FOR = (DeliveryState.SENT, DeliveryState.FAILED)


def settle(
    session: Session, campaign_id: int, state: DeliveryState, *, by: str, now: datetime
) -> int:
    """Take a campaign's unknown mails for sent or failed; return how many there were.

    Nothing is handed over. A later event may still say otherwise.
    """
    if state not in TAKEN_FOR:
        raise WrongInput("what is unknown can be taken for sent, or for failed")
    get_campaign(session, campaign_id)
    settled = session.execute(
        update(Delivery)
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state) == DeliveryState.UNKNOWN)
        .values(state=state, state_since=now, reason=f"taken for {state} by {by}")
        .execution_options(synchronize_session=False)
    )
    count = rows_changed(settled)
    if count:
        audit.record(
            session,
            audit.of_campaign(campaign_id),
            "settle",
            by=by,
            now=now,
            state=state,
            mails=count,
        )
    return count
