"""The statements that run for each batch, made once.

With a million mails there are thousands of batches, and SQLAlchemy takes longer to put
a statement together than the database takes to execute it.
"""

from typing import Any

from sqlalchemy import (
    Case,
    ScalarSelect,
    Select,
    String,
    Table,
    bindparam,
    case,
    cast,
    exists,
    func,
    null,
    or_,
    select,
)
from sqlalchemy import update as update_table
from sqlalchemy.sql.dml import Update

from flashmail.model import (
    UNFINISHED,
    Batch,
    BatchState,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryPreferences,
    DeliveryState,
    Subscriber,
    SubscriberStatus,
    Subscription,
    Suppression,
)
from flashmail.model.types import in_array, rows_as_json

batch: Table = Batch.__table__  # type: ignore[attr-defined]

campaign: Table = Campaign.__table__  # type: ignore[attr-defined]

delivery: Table = Delivery.__table__  # type: ignore[attr-defined]

preferences: Table = DeliveryPreferences.__table__  # type: ignore[attr-defined]

subscriber: Table = Subscriber.__table__  # type: ignore[attr-defined]

subscription: Table = Subscription.__table__  # type: ignore[attr-defined]

suppression: Table = Suppression.__table__  # type: ignore[attr-defined]

#: In a worker's hands.
IN_HAND = (DeliveryState.CLAIMED, DeliveryState.ARMED)

LEFT, BROKE_OFF = "left before it was sent", "no answer came before the worker stopped"

CANCELLED, RESTS = "campaign cancelled", "asked for a rest before it was sent"

_due = (batch.c.state == BatchState.OPEN) & (batch.c.ready_at <= bindparam("moment"))

_held = or_(*(delivery.c.state == state for state in IN_HAND))

#: The deliveries of a batch: a range of subscriber ids of one campaign.
_range = (
    delivery.c.campaign_id == bindparam("whose")
) & delivery.c.subscriber_id.between(bindparam("lowest"), bindparam("highest"))

_moved: dict[str, Any] = {"state_since": bindparam("moment")}


def _queued_to(state: DeliveryState, reason: str | Case[str]) -> Update:
    return (
        update_table(delivery)
        .where(_range, delivery.c.state == DeliveryState.QUEUED)
        .values(state=state, reason=reason, **_moved)
    )


def topics_followed(subscriber_id: Any) -> ScalarSelect[Any]:
    """Return which of `topics`, a parameter, somebody follows, as in `3,7`."""
    return (
        select(func.aggregate_strings(cast(subscription.c.topic_id, String), ","))
        .where(subscription.c.subscriber_id == subscriber_id)
        .where(subscription.c.topic_id.in_(bindparam("topics", expanding=True)))
        .scalar_subquery()
    )


def readers(*, topics: bool, attributes: bool) -> Select[Any]:
    """Return the query for a batch's readers, in one row; see `whole`.

    What is not asked for is null.
    """
    return _READERS[topics, attributes]


def _readers(*, topics: bool, attributes: bool) -> Select[Any]:
    return (
        select(
            rows_as_json(
                subscriber.c.id,
                subscriber.c.address,
                subscriber.c.name,
                topics_followed(delivery.c.subscriber_id) if topics else null(),
                subscriber.c.attributes if attributes else null(),
                subscriber.c.tracking_consent,
            )
        )
        .select_from(subscriber)
        .join(delivery, delivery.c.subscriber_id == subscriber.c.id)
        .where(_range, delivery.c.state == DeliveryState.CLAIMED)
    )


_READERS = {
    (topics, attributes): _readers(topics=topics, attributes=attributes)
    for topics in (True, False)
    for attributes in (True, False)
}

# The claim.

#: In two steps, this and the next: sorting all open batches by their campaigns takes
#: far longer once there are thousands.
CAMPAIGNS_DUE = (
    select(campaign.c.id)
    .where(campaign.c.status == CampaignStatus.SENDING)
    .where(campaign.c.priority >= bindparam("least"))
    .where(exists().where(batch.c.campaign_id == campaign.c.id, _due))
    .order_by(campaign.c.priority.desc(), campaign.c.send_at, campaign.c.id)
)

NEXT_BATCH = (
    select(batch)
    .where(batch.c.campaign_id == bindparam("whose"), _due)
    .order_by(batch.c.ready_at)
    .limit(1)
)

#: The same, for the worker that takes it: no other worker gets it meanwhile.
TAKE_NEXT_BATCH = NEXT_BATCH.with_for_update(skip_locked=True)

TAKE = (
    update_table(batch)
    .where(batch.c.id == bindparam("which"), batch.c.state == BatchState.OPEN)
    .values(
        state=BatchState.CLAIMED,
        worker=bindparam("who"),
        marks_in_journal=bindparam("marks"),
        lease_until=bindparam("until"),
        fence=batch.c.fence + 1,
    )
)

_mailable = delivery.c.subscriber_id.in_(
    select(subscriber.c.id)
    .where(subscriber.c.id.between(bindparam("lowest"), bindparam("highest")))
    .where(subscriber.c.status == SubscriberStatus.ACTIVE)
    .where(~exists().where(suppression.c.key == subscriber.c.key))
)

_rests = delivery.c.subscriber_id.in_(
    select(preferences.c.subscriber_id)
    .where(
        preferences.c.subscriber_id.between(bindparam("lowest"), bindparam("highest"))
    )
    .where(preferences.c.paused_until > bindparam("moment"))
)

#: Readers that may not be mailed any more since the campaign was addressed.
SKIP_WHO_LEFT = _queued_to(DeliveryState.SKIPPED, LEFT).where(~_mailable)

#: The same, and readers that began a pause since then, which holds back all news.
SKIP_WHO_LEFT_OR_RESTS = _queued_to(
    DeliveryState.SKIPPED, case((_mailable, RESTS), else_=LEFT)
).where(or_(~_mailable, _rests))

CLAIM_ROWS = (
    update_table(delivery)
    .where(_range, delivery.c.state == DeliveryState.QUEUED)
    .values(state=DeliveryState.CLAIMED, attempts=delivery.c.attempts + 1, **_moved)
)

# What becomes of it.

#: Whether a batch is a worker's still, with a new lease; returns where it lies.
HOLD = (
    update_table(batch)
    .where(batch.c.id == bindparam("which"), batch.c.fence == bindparam("claim"))
    .where(batch.c.state == BatchState.CLAIMED)
    .values(lease_until=bindparam("until"))
    .returning(batch.c.campaign_id, batch.c.first_id, batch.c.last_id)
)


def _one_of(numbers: str) -> Update:
    return (
        # By its range: SQLite would look through the whole campaign for the numbers.
        update_table(delivery).where(
            _range, in_array(delivery.c.subscriber_id, numbers), _held
        )
    )


ARM = _one_of("numbers").values(state=DeliveryState.ARMED, **_moved)

#: All of a batch, where it is not known what its worker had armed.
ARM_ALL = (
    update_table(delivery)
    .where(_range, delivery.c.state == DeliveryState.CLAIMED)
    .values(state=DeliveryState.ARMED, **_moved)
)

#: Readers that were simply accepted, as most are, all at once.
BOOK_SENT = _one_of("numbers").values(
    state=DeliveryState.SENT, reason="", retryable=False, **_moved
)

BOOK_OTHER = (
    update_table(delivery)
    .where(delivery.c.campaign_id == bindparam("whose"))
    .where(delivery.c.subscriber_id == bindparam("number"), _held)
    .values(
        state=bindparam("to"),
        reason=bindparam("why"),
        retryable=bindparam("again"),
        **_moved,
    )
)

_armed = delivery.c.state == DeliveryState.ARMED

#: Of deliveries that nobody holds any more, what is surely true of them.
SETTLE = (
    update_table(delivery)
    .where(_range, _held)
    .values(
        state=case(
            (_armed, DeliveryState.UNKNOWN.value), else_=DeliveryState.QUEUED.value
        ),
        reason=case((_armed, BROKE_OFF), else_=""),
        # An attempt that never began does not count.
        attempts=case((_armed, delivery.c.attempts), else_=delivery.c.attempts - 1),
        **_moved,
    )
)

CANCEL_REST = _queued_to(DeliveryState.CANCELLED, CANCELLED)

STATUS = select(campaign.c.status).where(campaign.c.id == bindparam("whose"))

#: How often the most tried was tried, of those with something to do still.
ATTEMPTS = (
    select(delivery.c.attempts)
    .where(_range, or_(*(delivery.c.state == state for state in sorted(UNFINISHED))))
    .order_by(delivery.c.attempts.desc())
    .limit(1)
)

LET_GO = (
    update_table(batch)
    .where(batch.c.id == bindparam("which"))
    .values(state=bindparam("to"), ready_at=bindparam("ready"), lease_until=None)
)
