"""What a transport has to know of each reader in a claimed batch."""

from collections.abc import Callable, Sequence

from flashmail.links import NOBODY, Purpose, Tokens
from flashmail.message import (
    BOUNCE,
    FIRST,
    LEAVE,
    PIXEL,
    TOKEN,
    WATCH,
    Message,
    used_fields,
)
from flashmail.rendering.plain import list_in_words
from flashmail.sending.engine.claim import ATTRIBUTE, BECAUSE, Claim, Reader
from flashmail.settings import Tracking
from flashmail.transports import Recipient

#: Tokens of a delivery that stand in every mail, whatever its message marks.
PURPOSES = {
    TOKEN: Purpose.WATCH,
    LEAVE: Purpose.LEAVE,
    BOUNCE: Purpose.BOUNCE,
}

PLAIN: dict[str, Callable[[Reader], str]] = {
    "name": lambda reader: reader.name,
    "first_name": lambda reader: reader.name.split(" ")[0],
    "address": lambda reader: reader.address,
}

#: The values of a field, in the order of the readers.
Column = Sequence[str]


def recipients(
    held: Claim,
    message: Message,
    tokens: Tokens,
    tracking: Tracking = Tracking.REFUSABLE,
) -> list[Recipient]:
    """Return the batch's readers with a value for each field that the message marks.

    Who may not be watched gets no pixel, and links that are the same for all of them.
    """
    # By columns: a call for each field of each reader would cost more than its value.
    columns = _tokens(held, tokens)
    used = used_fields(message)
    if WATCH in used:
        columns |= _watched(held, tokens, columns[TOKEN], tracking)
    for field in used - columns.keys() - {WATCH, PIXEL}:
        columns[field] = _column(field, held)
    names = tuple(columns)
    rows = zip(*columns.values(), strict=True)
    return [
        Recipient(reader.subscriber_id, reader.address, dict(zip(names, row)))  # noqa: B905 - strict costs as much again
        for reader, row in zip(held.readers, rows, strict=True)
    ]


def may_be_watched(consent: bool | None, tracking: Tracking) -> bool:
    """Return whether somebody's opens and clicks may be told from others'."""
    if tracking is Tracking.REFUSABLE:
        return consent is not False
    return tracking is Tracking.CONSENT and consent is True


def _tokens(held: Claim, tokens: Tokens) -> dict[str, Column]:
    ids = [reader.subscriber_id for reader in held.readers]
    number, first = held.campaign.id, held.campaign.corrects
    assert number is not None
    columns: dict[str, Column] = {
        field: tokens.write_all(purpose, number, ids)
        for field, purpose in PURPOSES.items()
    }
    if first is not None:
        # The Message-ID of what it answers holds the token that the first one had.
        columns[FIRST] = tokens.write_all(PURPOSES[TOKEN], first, ids)
    return columns


def _watched(
    held: Claim, tokens: Tokens, own: Column, tracking: Tracking
) -> dict[str, Column]:
    """Return the tokens in links and in the pixel, where somebody may be watched."""
    consents = {reader.consent for reader in held.readers}
    allowed = {each for each in consents if may_be_watched(each, tracking)}
    if allowed == consents:
        return {WATCH: own, PIXEL: own}
    assert held.campaign.id is not None
    nobody = tokens.write(Purpose.WATCH, held.campaign.id, NOBODY)

    def unless_watched(other: str) -> Column:
        pairs = zip(held.readers, own, strict=True)
        return [token if who.consent in allowed else other for who, token in pairs]

    return {WATCH: unless_watched(nobody), PIXEL: unless_watched("")}


def _column(field: str, held: Claim) -> Column:
    if field == BECAUSE:
        return _reasons(held)
    if field.startswith(ATTRIBUTE):
        name = field.removeprefix(ATTRIBUTE)
        attributes = (reader.attributes or {} for reader in held.readers)
        return [str(each.get(name) or "") for each in attributes]
    value = PLAIN[field]
    return [value(reader) for reader in held.readers]


def _reasons(held: Claim) -> Column:
    """Say through which topics each reader gets the mail; most have the same few."""
    said: dict[str | None, str] = {}
    for topics in {reader.topics for reader in held.readers}:
        ids = sorted(map(int, topics.split(","))) if topics else ()
        said[topics] = list_in_words([held.topics[each] for each in ids])
    return [said[reader.topics] for reader in held.readers]
