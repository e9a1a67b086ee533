"""Erasing somebody, with the mails that lie on this machine still."""

from datetime import datetime

from sqlmodel import Session

from flashmail.audience.erase import erase
from flashmail.audience.takeout import addresses_of
from flashmail.model import Subscriber
from flashmail.transports.outbox import Outbox


def erase_everywhere(
    session: Session, person: Subscriber, outbox: Outbox, *, now: datetime
) -> None:
    """Erase a person from the database, and their mails from the outbox.

    The mails first: what fails half way can be done again as long as the person is
    known.
    """
    outbox.forget(addresses_of(session, person))
    erase(session, person, now=now)
