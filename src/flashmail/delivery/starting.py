"""Start campaigns that are due: all their deliveries are written at once, or none."""

from datetime import datetime, timedelta

from sqlalchemy import CTE, Engine, insert, literal, select, update
from sqlmodel import Session, col, func
from sqlmodel import select as select_approval
from sqlmodel import select as select_calendar
from sqlmodel import select as select_correct

from flashmail import audit
from flashmail.briefs.brief import require_lifted
from flashmail.campaigns import audience
from flashmail.campaigns.audience import reachable
from flashmail.campaigns.briefs import embargo_of
from flashmail.campaigns.lifecycle import transition
from flashmail.database import reading, rows_changed, transaction
from flashmail.delivery.intervention import reopen_batches, require_open
from flashmail.delivery.statements import IN_HAND
from flashmail.digests.planner import (
    deferred_readers,
    respects_preferences,
    write_digest_items,
)
from flashmail.digests.schedules import assign_editions
from flashmail.errors import FlashmailError
from flashmail.model import (
    Batch,
    BatchState,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryState,
    DryRun,
)


def count_in_flight(session: Session, campaign_id: int) -> int:
    """Return how many of a campaign's mails nobody can say anything of yet."""
    rows = select_correct(func.count()).where(
        col(Delivery.campaign_id) == campaign_id, col(Delivery.state).in_(IN_HAND)
    )
    return session.scalar(rows) or 0


#: The reason of a delivery to a subscriber that joined after the approval.
JOINED_LATER = "joined after the approval"

#: Ids in one statement.
CHUNK = 500


def skip_late_joiners(session: Session, campaign: Campaign, *, now: datetime) -> int:
    """Skip subscribers that joined after the approval; return how many they are.

    To be called when the campaign was addressed. They stay in the account of it.
    """
    if campaign.dry_run_id is None:
        return 0
    dry_run = session.get_one(DryRun, campaign.dry_run_id)
    whom = select_approval(Delivery.subscriber_id).where(
        Delivery.campaign_id == campaign.id
    )
    addressed = audience.read_ids(session, whom)
    if audience.hash_ids(addressed) == dry_run.audience_hash:
        return 0
    later = sorted(set(addressed) - audience.unpack_ids(dry_run.audience_ids))
    for begin in range(0, len(later), CHUNK):
        session.execute(
            update(Delivery)
            .where(col(Delivery.campaign_id) == campaign.id)
            .where(col(Delivery.subscriber_id).in_(later[begin : begin + CHUNK]))
            .values(state=DeliveryState.SKIPPED, reason=JOINED_LATER, state_since=now)
            .execution_options(synchronize_session=False)
        )
    return len(later)


def include_late_joiners(
    session: Session, campaign_id: int, *, by: str, now: datetime
) -> int:
    """Let subscribers that joined after the approval have it too; return how many."""
    require_open(session, campaign_id)
    queued = session.execute(
        update(Delivery)
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state) == DeliveryState.SKIPPED)
        .where(col(Delivery.reason) == JOINED_LATER)
        .values(state=DeliveryState.QUEUED, reason="", state_since=now)
        .execution_options(synchronize_session=False)
    )
    count = rows_changed(queued)
    if count:
        reopen_batches(session, campaign_id, now=now)
        audit.record(
            session,
            audit.of_campaign(campaign_id),
            "include",
            by=by,
            now=now,
            queued=count,
        )
    return count


def count_late_joiners(session: Session, campaign_id: int) -> int:
    """Return how many were left out because they joined after the approval."""
    rows = select_approval(func.count()).where(
        col(Delivery.campaign_id) == campaign_id,
        col(Delivery.state) == DeliveryState.SKIPPED,
        col(Delivery.reason) == JOINED_LATER,
    )
    return session.scalar(rows) or 0


def create_deliveries(
    session: Session, campaign: Campaign, *, batch_size: int, now: datetime
) -> int:
    """Write a delivery for everyone that the campaign means now; return how many.

    To be called in the transaction that moves the campaign to `sending`, which happens
    once: a kill in between leaves all of the rows or none.
    """
    assert campaign.id is not None
    meant = reachable(session, campaign).subquery()
    rows = select(
        literal(campaign.id),
        meant.c[0],
        literal(DeliveryState.QUEUED.value),
        literal(0),
        literal(""),
        literal(False),
        literal(now),
    )
    columns = [
        "campaign_id",
        "subscriber_id",
        "state",
        "attempts",
        "reason",
        "retryable",
        "state_since",
    ]
    if respects_preferences(campaign):
        rows = rows.where(
            meant.c[0].not_in(deferred_readers(session, campaign, now=now))
        )
    addressed = session.execute(
        insert(Delivery).from_select(columns, rows),
        execution_options={"preserve_rowcount": True},
    )
    if respects_preferences(campaign):
        write_digest_items(session, campaign, now=now)
        assign_editions(session, now=now)
    _batch(session, campaign.id, batch_size, now)
    return rows_changed(addressed)


def _batch(session: Session, campaign_id: int, size: int, now: datetime) -> None:
    """Cut the deliveries into ranges of subscriber ids."""
    firsts = _firsts(campaign_id, size)
    following = func.lead(firsts.c.first).over(order_by=firsts.c.first)
    ids = select(func.max(Delivery.subscriber_id))
    largest = ids.where(col(Delivery.campaign_id) == campaign_id).scalar_subquery()
    ranges = (
        select(
            literal(campaign_id),
            firsts.c.first,
            func.coalesce(following - 1, largest),
            literal(BatchState.OPEN.value),
            literal(now),
            literal(""),
            literal(False),
            literal(0),
        )
        .where(firsts.c.first.is_not(None))
        .order_by(firsts.c.first)
    )
    columns = [
        "campaign_id",
        "first_id",
        "last_id",
        "state",
        "ready_at",
        "worker",
        "marks_in_journal",
        "fence",
    ]
    session.execute(insert(Batch).from_select(columns, ranges))


def _firsts(campaign_id: int, size: int) -> CTE:
    """Return every `size`-th subscriber id of a campaign's deliveries, and a NULL.

    In steps along the key: numbering all rows takes ten times as long.
    """
    subscriber_id = col(Delivery.subscriber_id)
    ours = col(Delivery.campaign_id) == campaign_id
    first = select(func.min(subscriber_id).label("first")).where(ours)
    firsts = first.cte("firsts", recursive=True)
    following = (
        select(subscriber_id)
        .where(ours, subscriber_id >= firsts.c.first)
        .order_by(subscriber_id)
        .offset(size)
        .limit(1)
        .scalar_subquery()
    )
    return firsts.union_all(select(following).where(firsts.c.first.is_not(None)))


SYSTEM = "flashmail"


def start_due_campaigns(
    engine: Engine, *, batch_size: int, missed_after: timedelta, now: datetime
) -> list[int]:
    """Begin every campaign that is due; return their ids.

    One that is late by more than `missed_after` does not fire by itself: after
    an outage or a restored backup a person has to say whether it still should go out.
    Two schedulers at once are harmless, as only one of them can move a campaign.
    """
    begun = []
    for campaign_id in _due(engine, now):
        try:
            if _begin(engine, campaign_id, batch_size, missed_after, now):
                begun.append(campaign_id)
        except FlashmailError as problem:
            # One that cannot begin (its topic is gone, say) must not stop the others.
            _set_aside(engine, campaign_id, f"it cannot begin: {problem}", now)
    return begun


def _set_aside(engine: Engine, campaign_id: int, note: str, now: datetime) -> None:
    with transaction(engine) as session:
        transition(session, campaign_id, CampaignStatus.MISSED, note=note)
        audit.record(
            session,
            audit.of_campaign(campaign_id),
            "miss",
            by=SYSTEM,
            now=now,
            note=note,
        )


def _due(engine: Engine, now: datetime) -> list[int]:
    with reading(engine) as session:
        due = session.exec(
            select_calendar(col(Campaign.id))
            .where(Campaign.status == CampaignStatus.SCHEDULED)
            .where(col(Campaign.send_at) <= now)
            .order_by(col(Campaign.priority).desc(), col(Campaign.send_at))
        )
        return [each for each in due if each is not None]


def _begin(
    engine: Engine,
    campaign_id: int,
    batch_size: int,
    missed_after: timedelta,
    now: datetime,
) -> bool:
    with transaction(engine) as session:
        campaign = session.get_one(Campaign, campaign_id, with_for_update=True)
        if campaign.status is not CampaignStatus.SCHEDULED or campaign.send_at is None:
            return False
        if now - campaign.send_at > missed_after:
            note = (
                f"nobody was there to send it at {campaign.send_at:%Y-%m-%d %H:%M} UTC"
            )
            transition(session, campaign_id, CampaignStatus.MISSED, note=note)
            audit.record(
                session,
                audit.of_campaign(campaign_id),
                "miss",
                by=SYSTEM,
                now=now,
                note=note,
            )
            return False
        if campaign.amends_id and count_in_flight(session, campaign.amends_id):
            return False  # its audience is not known before the first one has landed
        require_lifted(embargo_of(session, campaign), at=now)
        transition(session, campaign_id, CampaignStatus.SENDING, started_at=now)
        count = create_deliveries(session, campaign, batch_size=batch_size, now=now)
        campaign.recipient_count = count
        later = skip_late_joiners(session, campaign, now=now)
        detail = {"addressed": count, "joined_later": later}
        audit.record(
            session,
            audit.of_campaign(campaign_id),
            "begin",
            by=SYSTEM,
            now=now,
            **detail,
        )
        return True
