"""What a transport has to know of each reader in a claimed batch."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from flashmail.links import Purpose, Tokens
from flashmail.message import BOUNCE, LEAVE, TOKEN, Message, fields
from flashmail.sending.claim import ATTRIBUTE, Claim, Reader
from flashmail.transports import Recipient

#: What to say to somebody whom a segment meant without following a topic of the brief.
NO_TOPIC = ""


def recipients(
    held: Claim,
    message: Message,
    tokens: Tokens,
    followed: Mapping[int, Sequence[str]],
) -> list[Recipient]:
    """Return the batch's readers with a value for each field that the message marks."""
    assert held.campaign.id is not None
    campaign_id = held.campaign.id
    wanted = sorted(_fields(message) | {TOKEN, LEAVE, BOUNCE})
    values = {
        field: _value_of(field, campaign_id, tokens, followed) for field in wanted
    }
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
    LEAVE: Purpose.LEAVE,
    BOUNCE: Purpose.BOUNCE,
}

PLAIN: dict[str, Callable[[Reader], str]] = {
    "name": lambda reader: reader.name,
    "first_name": lambda reader: reader.name.split(" ")[0],
    "address": lambda reader: reader.address,
}
