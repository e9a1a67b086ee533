"""What an event means. Pure: no clock, no database, no network."""

from flashmail.model import DeliveryState, EventKind, SubscriberStatus

#: Handed over, or perhaps: a report may overtake the transport's own answer.
UNDER_WAY = frozenset(
    {
        DeliveryState.CLAIMED,
        DeliveryState.ARMED,
        DeliveryState.SENT,
        DeliveryState.UNKNOWN,
    }
)

#: Where an event takes a delivery, and from where. Anything else leaves it as it is:
#: providers repeat events, and report them out of order.
MOVES = {
    EventKind.DELIVERED: (UNDER_WAY, DeliveryState.DELIVERED),
    EventKind.DROPPED: (UNDER_WAY, DeliveryState.FAILED),
    EventKind.BLOCKED: (UNDER_WAY, DeliveryState.FAILED),
    # A mailbox may accept a mail first and bounce it afterwards.
    EventKind.BOUNCED: (UNDER_WAY | {DeliveryState.DELIVERED}, DeliveryState.BOUNCED),
    # Who opens, clicks or complains has got it.
    EventKind.OPENED: (UNDER_WAY, DeliveryState.DELIVERED),
    EventKind.CLICKED: (UNDER_WAY, DeliveryState.DELIVERED),
    EventKind.COMPLAINED: (UNDER_WAY, DeliveryState.DELIVERED),
    EventKind.UNSUBSCRIBED: (UNDER_WAY, DeliveryState.DELIVERED),
    # Put off, but accepted by the provider all the same.
    EventKind.DEFERRED: (frozenset({DeliveryState.UNKNOWN}), DeliveryState.SENT),
}

#: After one of these we do not write to the address again.
CONSEQUENCES = {
    EventKind.BOUNCED: SubscriberStatus.BOUNCED,
    EventKind.COMPLAINED: SubscriberStatus.COMPLAINED,
    EventKind.UNSUBSCRIBED: SubscriberStatus.UNSUBSCRIBED,
}


def moved(state: DeliveryState, kind: EventKind) -> DeliveryState:
    """Return where a delivery stands after an event."""
    sources, target = MOVES[kind]
    return target if state in sources else state
