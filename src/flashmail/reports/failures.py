"""Mails that did not arrive: why, how many, and whether trying again may help."""

from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from flashmail.model import Delivery, DeliveryState

NOT_ARRIVED = (
    DeliveryState.BOUNCED,
    DeliveryState.FAILED,
    DeliveryState.UNKNOWN,
    DeliveryState.SKIPPED,
    DeliveryState.CANCELLED,
)

#: So many reasons are told; the others are added up.
REASONS_SHOWN = 20

OTHERS = "other reasons"

ADVICE = {
    DeliveryState.BOUNCED: "The address takes no mail: it is suppressed.",
    DeliveryState.UNKNOWN: (
        "Perhaps they got it. It is settled by later reports; trying again may send"
        " some a second copy."
    ),
    DeliveryState.SKIPPED: "They left, or were suppressed, before it was their turn.",
    DeliveryState.CANCELLED: "The campaign was cancelled before it was their turn.",
}


@dataclass(frozen=True)
class Failure:
    """So many deliveries came to this end for this reason."""

    state: DeliveryState
    reason: str
    people: int
    retryable: bool

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        if self.state is not DeliveryState.FAILED:
            return ADVICE[self.state]
        if self.retryable:
            return "It was not because of the address: trying again may help."
        return "Trying again would not help."


def retryable(session: Session, campaign_id: int) -> int:
    """Return how many failed through no fault of their address."""
    return session.exec(
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.campaign_id == campaign_id)
        .where(col(Delivery.state) == DeliveryState.FAILED, col(Delivery.retryable))
    ).one()


def failures(session: Session, campaign_id: int) -> list[Failure]:
    """Count what did not arrive by state and reason, the most frequent first."""
    people = func.count()
    rows = session.execute(
        select(Delivery.state, Delivery.reason, Delivery.retryable, people)
        .where(Delivery.campaign_id == campaign_id)
        .where(col(Delivery.state).in_(NOT_ARRIVED))
        .group_by(col(Delivery.state), col(Delivery.reason), col(Delivery.retryable))
        .order_by(people.desc(), col(Delivery.state), col(Delivery.reason))
    )
    return shortened(
        [
            Failure(DeliveryState(state), reason, n, retryable)
            for state, reason, retryable, n in rows
        ]
    )


def shortened(found: list[Failure]) -> list[Failure]:
    """Keep the most frequent reasons, and add up the others by state."""
    rest: dict[tuple[DeliveryState, bool], int] = {}
    for each in found[REASONS_SHOWN:]:
        key = (each.state, each.retryable)
        rest[key] = rest.get(key, 0) + each.people
    return found[:REASONS_SHOWN] + [
        Failure(state, OTHERS, n, retryable) for (state, retryable), n in rest.items()
    ]
