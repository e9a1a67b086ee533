"""A mail to the address that a reader moved away from, with the way back."""

from datetime import datetime

from sqlmodel import Session

from flashmail.audience.addresses import masked, parse_address
from flashmail.audience.erase import erased_among
from flashmail.audience.knocks import OPEN_FOR
from flashmail.links import Links, Purpose, Tokens
from flashmail.model import MOVE, Knock, Letter, Suppression

ADDRESS_CHANGED_SUBJECT = "Your address was changed"

ADDRESS_CHANGED_TEXT = """\
The briefs that came to this address go to {address} from now on: somebody with
a link of yours asked for that, most likely you. Then there is nothing to do.

If it was not you, this takes it back, within {days} days:

{link}"""


def tell_old_address(
    session: Session,
    way_back: Knock,
    move: Knock,
    tokens: Tokens,
    links: Links,
    *,
    now: datetime,
) -> None:
    """Have the old address told, at once; of the new one only as much as one needs."""
    assert way_back.id is not None
    link = links.confirm(tokens.write(Purpose.CONFIRM, 0, way_back.id))
    text = ADDRESS_CHANGED_TEXT.format(
        address=masked(move.address), days=OPEN_FOR.days, link=link
    )
    session.add(
        Letter(
            address=way_back.address,
            subject=ADDRESS_CHANGED_SUBJECT,
            text=text,
            asked_by=MOVE,
            at=now,
        )
    )


def may_be_told(session: Session, address: str) -> bool:
    """Whether an address may be told so still, when the mail is about to go."""
    key = parse_address(address).key
    suppressed = session.get(Suppression, key) is not None
    return not suppressed and not erased_among(session, [key])
