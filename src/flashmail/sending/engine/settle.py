"""Settle: a person says what is to be taken for true of mails that stayed unknown."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col

from flashmail.errors import WrongInput
from flashmail.model import Delivery, DeliveryState
from flashmail.sending.campaigns import find, log_campaign
from flashmail.sending.engine.claim import changed

#: What a person may say became of them.
TAKEN_FOR = (DeliveryState.SENT, DeliveryState.FAILED)


def settle(
    session: Session, campaign_id: int, state: DeliveryState, *, who: str, now: datetime
) -> int:
    """Take a campaign's unknown mails for sent or failed; return how many there were.

    Nothing is handed over. A later event may still say otherwise.
    """
    if state not in TAKEN_FOR:
        raise WrongInput("what is unknown can be taken for sent, or for failed")
    find(session, campaign_id)
    settled = session.execute(
        update(Delivery)
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state) == DeliveryState.UNKNOWN)
        .values(state=state, at=now, reason=f"taken for {state} by {who}")
        .execution_options(synchronize_session=False)
    )
    count = changed(settled)
    if count:
        log_campaign(
            session, campaign_id, "settle", who=who, now=now, state=state, mails=count
        )
    return count
