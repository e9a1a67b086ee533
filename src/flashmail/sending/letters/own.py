"""A link to what only a reader may do, written to the reader's own mailbox."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from flashmail.links import BadToken, Links, Purpose, Tokens
from flashmail.model import Consent, ConsentKind, Letter, Subscriber

#: Such a link is good for so long, unless the address changes meanwhile,
GOOD_FOR = timedelta(hours=24)
#: and another one is written after so long at the earliest.
AGAIN = timedelta(minutes=10)

READER = "a reader"

DATA_LINK_SUBJECT = "Your link"

DATA_LINK_TEXT = """\
Somebody with one of your mails asked for this link, most likely you. For a day it
lets you take your data along, change your address, or be erased:

{link}

If it was not you, there is nothing to do: nothing has changed."""


def write_own_link(
    session: Session, person: Subscriber, tokens: Tokens, links: Links, *, now: datetime
) -> None:
    """Have the link written to a reader, unless one was written just now."""
    latest = (
        select(Letter)
        .where(Letter.address == person.address, Letter.asked_by == READER)
        .where(col(Letter.at) > now - AGAIN)
    )
    if session.exec(latest).first() is not None:
        return
    assert person.id is not None
    link = links.own(tokens.write(Purpose.OWN, int(now.timestamp()), person.id))
    session.add(
        Letter(
            address=person.address,
            subject=DATA_LINK_SUBJECT,
            text=DATA_LINK_TEXT.format(link=link),
            asked_by=READER,
            at=now,
        )
    )


def owner(session: Session, tokens: Tokens, token: str, *, now: datetime) -> int:
    """Return whose link it is; raise BadToken where it is too old, or none of ours.

    It is too old as well once the address is another one: it lay in the other mailbox.
    """
    written, subscriber_id = tokens.read(Purpose.OWN, token)
    if not 0 <= int(now.timestamp()) - written <= GOOD_FOR.total_seconds():
        raise BadToken("this link was good for a day: ask for another one")
    if written < _moved_at(session, subscriber_id):
        raise BadToken("the address was changed since: ask for another link")
    return subscriber_id


def _moved_at(session: Session, subscriber_id: int) -> int:
    """Return when somebody's address changed last, in seconds since 1970."""
    moves = select(func.max(Consent.at)).where(
        Consent.subscriber_id == subscriber_id, Consent.kind == ConsentKind.ADDRESS
    )
    last = session.exec(moves).one()
    return int(last.timestamp()) if last else 0
