"""What an event means. Pure: no clock, no database, no network."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from flashmail.bounces.codes import about_mailbox
from flashmail.model import OPTED_OUT, DeliveryState, EventKind, SubscriberStatus

#: Handed over, or perhaps; the transport has not said so.
IN_DOUBT = frozenset(
    {DeliveryState.CLAIMED, DeliveryState.ARMED, DeliveryState.UNKNOWN}
)

#: Handed over, or perhaps: a report may overtake the transport's own answer.
UNDER_WAY = IN_DOUBT | {DeliveryState.SENT}

#: What else says that it has arrived says more than somebody's "turned away".
NOT_ARRIVED = UNDER_WAY | {DeliveryState.FAILED}

#: Where an event takes a delivery, and from where. Anything else leaves it as it is:
#: providers repeat events, and report them out of order. Each row's sources are among
#: those of the rows below it, so that the order of events makes no difference.
MOVES = {
    # Nobody knows what it says, so it says nothing.
    EventKind.OTHER: (frozenset[DeliveryState](), DeliveryState.SENT),
    EventKind.ACCEPTED: (IN_DOUBT, DeliveryState.SENT),
    # Put off, but accepted by the provider all the same.
    EventKind.DEFERRED: (IN_DOUBT, DeliveryState.SENT),
    EventKind.DROPPED: (UNDER_WAY, DeliveryState.FAILED),
    EventKind.BLOCKED: (UNDER_WAY, DeliveryState.FAILED),
    EventKind.DELIVERED: (NOT_ARRIVED, DeliveryState.DELIVERED),
    # A reader that scans, opens, clicks or complains has got it.
    EventKind.TRAPPED: (NOT_ARRIVED, DeliveryState.DELIVERED),
    EventKind.OPENED: (NOT_ARRIVED, DeliveryState.DELIVERED),
    EventKind.CLICKED: (NOT_ARRIVED, DeliveryState.DELIVERED),
    EventKind.COMPLAINED: (NOT_ARRIVED, DeliveryState.DELIVERED),
    EventKind.UNSUBSCRIBED: (NOT_ARRIVED, DeliveryState.DELIVERED),
    # A mailbox may accept a mail first and bounce it afterwards.
    EventKind.BOUNCED: (NOT_ARRIVED | {DeliveryState.DELIVERED}, DeliveryState.BOUNCED),
}

#: How much an event says about its delivery: the place of its row.
STRENGTH = {kind: place for place, kind in enumerate(MOVES)}

#: After one of these we do not write to the address again.
CONSEQUENCES = {
    EventKind.BOUNCED: SubscriberStatus.BOUNCED,
    EventKind.COMPLAINED: SubscriberStatus.COMPLAINED,
    EventKind.UNSUBSCRIBED: SubscriberStatus.UNSUBSCRIBED,
}

#: An address that turned mail away on so many days of so long a time, and took none in
#: between, is as good as gone. Most full mailboxes are emptied within a month; after
#: it an old refusal counts for nothing.
SOFT_BOUNCES = 5

SOFT_WINDOW = timedelta(days=30)

#: A mail server tries for four or five days (RFC 5321, 4.5.4.1). What nobody complained
#: about for longer has arrived, also where no provider says so.
SILENCE = timedelta(days=6)


def moved(state: DeliveryState, kind: EventKind) -> DeliveryState:
    """Return where a delivery stands after an event."""
    sources, target = MOVES[kind]
    return target if state in sources else state


def consequence(kind: EventKind, detail: str) -> SubscriberStatus | None:
    """Return as what its reader has to be suppressed because of an event."""
    if kind is EventKind.DROPPED:
        return next((s for s in OPTED_OUT if detail.startswith(f"{s}: ")), None)
    return CONSEQUENCES.get(kind)


def dropped_because(status: SubscriberStatus, words: str) -> str:
    """Return the detail of a dropped mail that the provider knows not to write to."""
    return f"{status}: {words}"


def counts_as_soft_bounce(kind: EventKind, detail: str) -> bool:
    """Whether an event is a soft bounce that says something about the mailbox.

    A mail turned away because of us or of its content costs no reader: one listing of
    our server would cost us all of a provider's.
    """
    return kind is EventKind.BLOCKED and about_mailbox(detail)


def is_over_soft_bounce_limit(
    soft: Iterable[datetime], arrived: Iterable[datetime]
) -> bool:
    """Whether an address turned mail away too often since the last that arrived."""
    refusals = sorted(soft)
    if not refusals:
        return False
    last = refusals[-1]
    since = max((at for at in arrived if at <= last), default=last - SOFT_WINDOW)
    begin = max(since, last - SOFT_WINDOW)
    return len({at.date() for at in refusals if at >= begin}) >= SOFT_BOUNCES
