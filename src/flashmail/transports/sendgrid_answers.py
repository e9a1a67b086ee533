"""What SendGrid's answers mean. Pure: no clock, no network.

See https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import orjson

#: As much of an answer as is kept as a reason.
REASON_LENGTH = 200

#: SendGrid's keys, and whatever a broken proxy may echo of a request's head.
KEYS = re.compile(r"SG\.[\w-]+(\.[\w-]+)?|Bearer\s+\S+")

PERSONALIZATION = re.compile(r"personalizations(?:\.(\d+)|\[(\d+)\])").match


class Meaning(Enum):
    """What became of a request."""

    ACCEPTED = auto()
    BAD_READER = auto()  # refused whole, because of one reader at least
    BAD_SENDER = auto()  # refused whole, and it would be for any reader
    SLOWER = auto()  # refused for now
    UNREACHED = auto()  # it did not even begin
    UNKNOWN = auto()
    NOT_SENDGRID = auto()  # taken, but by whom?


MEANINGS = {
    202: Meaning.ACCEPTED,
    400: Meaning.BAD_READER,
    413: Meaning.BAD_READER,
    408: Meaning.UNKNOWN,
    429: Meaning.SLOWER,
}


@dataclass(frozen=True)
class Answer:
    """A request's end, with the places of the readers that the answer names."""

    meaning: Meaning
    reason: str
    named: frozenset[int] = frozenset()


def read(status: int, body: bytes) -> Answer:
    """Say what a status and a body mean."""
    errors = _errors(body)
    reason = _reason(status, errors)
    meaning = MEANINGS.get(status) or _by_class(status)
    if meaning is not Meaning.BAD_READER:
        return Answer(meaning, reason)
    fields = [str(error.get("field") or "") for error in errors]
    if any(fields) and not any(field.startswith("personal") for field in fields):
        return Answer(Meaning.BAD_SENDER, reason)
    return Answer(meaning, reason, frozenset(_places(fields)))


def _by_class(status: int) -> Meaning:
    if status >= 500:
        return Meaning.UNKNOWN
    return Meaning.NOT_SENDGRID if 200 <= status < 300 else Meaning.BAD_SENDER


def _places(fields: Iterable[str]) -> Iterable[int]:
    for field in fields:
        if found := PERSONALIZATION(field):
            yield int(found[1] or found[2])


def _errors(body: bytes) -> list[dict[str, Any]]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    errors = told.get("errors") if isinstance(told, dict) else None
    if not isinstance(errors, list):
        return []
    return [error for error in errors if isinstance(error, dict)]


def _reason(status: int, errors: Iterable[dict[str, Any]]) -> str:
    said = "; ".join(str(error.get("message") or "") for error in errors)
    return KEYS.sub("(key)", f"SendGrid: {status} {said}".strip())[:REASON_LENGTH]
