"""What a transport has to know of each reader in a claimed batch."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from flashmail.links import NOBODY, Purpose, Tokens
from flashmail.message import (
    BOUNCE,
    FIRST,
    LEAVE,
    PIXEL,
    TOKEN,
    WATCH,
    Message,
    fields,
)
from flashmail.sending.claim import ATTRIBUTE, Claim, Reader
from flashmail.settings import Tracking
from flashmail.transports import Recipient

#: What to say to somebody whom a segment meant without following a topic of the brief.
NO_TOPIC = ""


def recipients(
    held: Claim,
    message: Message,
    tokens: Tokens,
    followed: Mapping[int, Sequence[str]],
    tracking: Tracking = Tracking.REFUSABLE,
) -> list[Recipient]:
    """Return the batch's readers with a value for each field that the message marks.

    Who may not be watched gets no pixel, and links that are the same for all of them.
    """
    assert held.campaign.id is not None
    campaign_id = held.campaign.id
    wanted = sorted((_fields(message) | {TOKEN, LEAVE, BOUNCE}) - {PIXEL})
    values = {
        field: _value_of(field, campaign_id, tokens, followed) for field in wanted
    }
    if WATCH in values:
        nobody = tokens.write(Purpose.WATCH, campaign_id, NOBODY)
        values[WATCH] = _if_watched(tracking, values[TOKEN], nobody)
        values[PIXEL] = _if_watched(tracking, values[TOKEN], "")
    if held.campaign.corrects is not None:
        # The Message-ID of what it answers holds the token that the first one had.
        values[FIRST] = _value_of(TOKEN, held.campaign.corrects, tokens, followed)
    return [
        Recipient(
            reader.subscriber_id,
            reader.address,
            {field: value(reader) for field, value in values.items()},
        )
        for reader in held.readers
    ]


def list_in_words(names: Sequence[str]) -> str:
    """Return `A`, `A and B` or `A, B and C`."""
    *others, last = names or [NO_TOPIC]
    return f"{', '.join(others)} and {last}" if others else last


@lru_cache(maxsize=16)
def _fields(message: Message) -> frozenset[str]:
    return frozenset(fields(message.html) | fields(message.text))


def may_be_watched(consent: bool | None, tracking: Tracking) -> bool:
    """Return whether somebody's opens and clicks may be told from others'."""
    if tracking is Tracking.REFUSABLE:
        return consent is not False
    return tracking is Tracking.CONSENT and consent is True


def _if_watched(
    tracking: Tracking, own: Callable[[Reader], str], nobody: str
) -> Callable[[Reader], str]:
    return lambda reader: (
        own(reader) if may_be_watched(reader.consent, tracking) else nobody
    )


def _value_of(
    field: str, campaign_id: int, tokens: Tokens, followed: Mapping[int, Sequence[str]]
) -> Callable[[Reader], str]:
    if field in PURPOSES:
        purpose = PURPOSES[field]
        return lambda reader: tokens.write(purpose, campaign_id, reader.subscriber_id)
    if field == "because":
        return lambda reader: list_in_words(followed.get(reader.subscriber_id, ()))
    if field.startswith(ATTRIBUTE):
        name = field.removeprefix(ATTRIBUTE)
        return lambda reader: str(reader.attributes.get(name) or "")
    return PLAIN[field]


PURPOSES = {
    TOKEN: Purpose.WATCH,
    WATCH: Purpose.WATCH,
    LEAVE: Purpose.LEAVE,
    BOUNCE: Purpose.BOUNCE,
}

PLAIN: dict[str, Callable[[Reader], str]] = {
    "name": lambda reader: reader.name,
    "first_name": lambda reader: reader.name.split(" ")[0],
    "address": lambda reader: reader.address,
}
