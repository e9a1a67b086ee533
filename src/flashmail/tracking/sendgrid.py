"""SendGrid's event webhook, in our words.

See https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from sendgrid.helpers.eventwebhook import EventWebhook

from flashmail.errors import FlashmailError, WrongInput
from flashmail.links import BadToken, Purpose, Tokens
from flashmail.model import Actor, Event, EventKind

#: Larger bodies are not from SendGrid, whose posts stay below a megabyte.
LARGEST_BODY = 2 * 1024 * 1024

KINDS = {
    "delivered": EventKind.DELIVERED,
    "deferred": EventKind.DEFERRED,
    "bounce": EventKind.BOUNCED,
    "dropped": EventKind.DROPPED,
    "open": EventKind.OPENED,
    "click": EventKind.CLICKED,
    "spamreport": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.UNSUBSCRIBED,
}

#: The custom argument in which a delivery's token travels and comes back.
OUR_ARGUMENT = "fm_delivery"

DETAIL_LENGTH = 500


class BadSignature(FlashmailError):
    """This was not sent by SendGrid, or was changed on its way."""


def verify(body: bytes, *, signature: str, timestamp: str, public_key: str) -> None:
    """Raise BadSignature unless the body is signed with the account's key.

    `public_key` is the base64 text from SendGrid's settings page. Without a key no
    event is believed: anybody could suppress anybody.
    """
    if not public_key:
        raise BadSignature("FLASHMAIL_SENDGRID_WEBHOOK_KEY is not set")
    try:
        # Anything but a plain count of seconds could stand for a shifted body.
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) == 10):
            raise BadSignature("the timestamp is no number of seconds")
        hook = EventWebhook()
        key = hook.convert_public_key_to_ecdsa(public_key)
        good = hook.verify_signature(body.decode(), signature, timestamp, key)
    except BadSignature:
        raise
    except Exception as problem:
        # The library raises whatever its decoders do on garbage.
        raise BadSignature("the signature cannot be read") from problem
    if not good:
        raise BadSignature("the signature does not fit the body")


def events(body: bytes, tokens: Tokens, *, now: datetime) -> Iterator[Event]:
    """Yield an event for each report that is about a delivery of ours.

    Reports of other kinds, of other senders, or that make no sense are passed over: one
    of them must not lose the others of the same post.
    """
    try:
        reports = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise WrongInput(f"the body is not JSON: {problem}") from None
    if not isinstance(reports, list):
        raise WrongInput("the body is not a list of events")
    for report in reports:
        if isinstance(report, dict) and (event := _event(report, tokens, now)):
            yield event


def _event(report: dict[str, Any], tokens: Tokens, now: datetime) -> Event | None:
    kind = kind_of(report)
    key, token = report.get("sg_event_id"), report.get(OUR_ARGUMENT)
    if kind is None or not isinstance(key, str) or not isinstance(token, str):
        return None
    try:
        campaign_id, subscriber_id = tokens.read(Purpose.WATCH, token)
        at = datetime.fromtimestamp(float(report["timestamp"]), UTC)
    except (BadToken, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
    machine = report.get("sg_machine_open") is True
    return Event(
        key=f"sendgrid:{key[:200]}",
        campaign_id=campaign_id,
        subscriber_id=subscriber_id,
        kind=kind,
        at=at,
        recorded_at=now,
        detail=_detail(report),
        actor=Actor.MACHINE if machine else Actor.UNKNOWN,
        actor_reason="the provider says so" if machine else "",
    )


def kind_of(report: dict[str, Any]) -> EventKind | None:
    """Return what happened, in our words; None for what we do not follow."""
    word = report.get("event")
    if word == "bounce" and report.get("type") == "blocked":
        return EventKind.BLOCKED
    return KINDS.get(word) if isinstance(word, str) else None


def _detail(report: dict[str, Any]) -> str:
    words = report.get("reason") or report.get("response") or report.get("url") or ""
    return "".join(c for c in str(words) if c.isprintable())[:DETAIL_LENGTH]
