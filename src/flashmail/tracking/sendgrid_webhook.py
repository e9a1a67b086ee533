"""SendGrid's event webhook, in our words.

See https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sendgrid.helpers.eventwebhook import EventWebhook

from flashmail.errors import FlashmailError, WrongInput
from flashmail.links import BadToken, Purpose, Tokens
from flashmail.model import ENGAGEMENT, EventKind, SubscriberStatus
from flashmail.tracking.bot_detection import family, prefix
from flashmail.tracking.events import NewEvent
from flashmail.tracking.rules import dropped_because

#: Larger bodies are not from SendGrid: its posts stay below a megabyte.
LARGEST_BODY = 2 * 1024 * 1024

#: The types that we follow. Every other one is kept without consequence, also
#: "group_resubscribe": it may be a repetition, or older than an unsubscription that was
#: told to us; a reader that wants to come back tells us, not a provider.
KINDS = {
    "processed": EventKind.ACCEPTED,
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

#: Why SendGrid did not even try, where that is about the reader: it keeps lists of its
#: own, and we had better know what stands in them. Its other reasons are about us.
DROPPED = {
    "bounced address": SubscriberStatus.BOUNCED,
    "invalid": SubscriberStatus.BOUNCED,
    "unsubscribed address": SubscriberStatus.UNSUBSCRIBED,
    "spam reporting address": SubscriberStatus.COMPLAINED,
}

#: Clocks may differ by so much; what is later has not happened yet, so it did now.
CLOCKS = timedelta(minutes=5)

#: The custom argument in which a delivery's token travels and comes back.
OUR_ARGUMENT = "fm_delivery"

#: Where a counted link of ours leads: `links.Links.click`.
OUR_LINK = re.compile(r"/c/[0-9a-f]{48}/(\d{1,6})$")

#: What stands elsewhere, or says more of somebody than we keep.
NOT_SAID_AGAIN = frozenset(
    {
        *("event", "timestamp", "sg_event_id", "sg_message_id", "smtp-id"),
        *(OUR_ARGUMENT, "email", "ip", "useragent"),
    }
)

DETAIL_LENGTH = 500

KEY_LENGTH = 200


class BadSignature(FlashmailError):
    """This was not sent by SendGrid, or was changed on its way."""


def verify(
    body: bytes, *, signature: str, timestamp: str, public_key: str, now: datetime
) -> None:
    """Raise BadSignature unless the body is signed with the account's key.

    One that is signed for later than now is refused. There is no earliest: SendGrid
    repeats for a day or more, and whatever is told twice happened once.

    `public_key` is the base64 text from SendGrid's settings page. Without a key no
    event is believed: anybody could suppress anybody.
    """
    if not public_key:
        raise BadSignature("FLASHMAIL_SENDGRID_WEBHOOK_KEY is not set")
    try:
        # Anything but a plain count of seconds could stand for a shifted body.
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) == 10):
            raise BadSignature("the timestamp is no number of seconds")
        if int(timestamp) > (now + CLOCKS).timestamp():
            raise BadSignature("the timestamp is in the future")
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


def events(body: bytes, tokens: Tokens, *, now: datetime) -> Iterator[NewEvent]:
    """Yield an event for each report that is about a delivery of ours.

    Reports of other senders, or that make no sense, are passed over: one of them must
    not lose the others of the same post.
    """
    reports = _read(body)
    if not isinstance(reports, list):
        raise WrongInput("the body is not a list of events")
    for report in reports:
        if isinstance(report, dict) and (event := _event(report, tokens, now)):
            yield event


def _read(body: bytes) -> Any:
    """Return the body's values. What only the strict reader refuses (half a surrogate,
    NaN) must not lose a thousand reports."""
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise WrongInput(f"the body is not JSON: {problem}") from None


def _event(report: dict[str, Any], tokens: Tokens, now: datetime) -> NewEvent | None:
    kind, key = kind_of(report), _key(report.get("sg_event_id"))
    token = report.get(OUR_ARGUMENT)
    if kind is None or not key or not isinstance(token, str):
        return None
    try:
        campaign_id, subscriber_id = tokens.read(Purpose.WATCH, token)
    except BadToken:
        return None
    return NewEvent(
        key=f"sendgrid:{key}",
        campaign_id=campaign_id,
        subscriber_id=subscriber_id,
        kind=kind,
        at=_moment(report.get("timestamp"), now),
        recorded_at=now,
        detail=_detail(report, kind),
        link=_link(report, kind),
        **_reader(report, kind),
    )


def _reader(report: dict[str, Any], kind: EventKind) -> dict[str, Any]:
    """Return what is told of the visitor of an open or click, as far as we keep it."""
    if kind not in ENGAGEMENT:
        return {}
    return {
        "user_agent": family(str(report.get("useragent") or "")),
        "network": prefix(str(report.get("ip") or "")),
        "provider_says_machine": report.get("sg_machine_open") is True,
    }


def _link(report: dict[str, Any], kind: EventKind) -> int | None:
    """Return the number of a clicked link, where SendGrid's own links wrap ours."""
    found = OUR_LINK.search(str(report.get("url") or ""))
    return int(found[1]) if found and kind is EventKind.CLICKED else None


def kind_of(report: dict[str, Any]) -> EventKind | None:
    """Return what happened, in our words; None where nothing is said."""
    word = report.get("event")
    if not isinstance(word, str) or not word:
        return None
    kind = KINDS.get(word, EventKind.OTHER)
    if kind is EventKind.BOUNCED and not _for_good(report):
        return EventKind.BLOCKED
    return kind


def _for_good(report: dict[str, Any]) -> bool:
    """Whether a bounce is one: "blocked" and "expired" are not, nor is any 4.x.x."""
    status = str(report.get("status") or "").strip()
    return report.get("type") in (None, "bounce") and not status.startswith("4")


def _key(told: object) -> str:
    if isinstance(told, bool) or not isinstance(told, str | int):
        return ""
    return _printable(str(told))[:KEY_LENGTH]


def _moment(told: object, now: datetime) -> datetime:
    """Return when it happened; a moment that cannot be loses no bounce."""
    try:
        at = datetime.fromtimestamp(float(told), UTC)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return now
    return now if at > now + CLOCKS else at


def _detail(report: dict[str, Any], kind: EventKind) -> str:
    if kind is EventKind.OTHER:
        rest = {k: v for k, v in report.items() if k not in NOT_SAID_AGAIN}
        raw = json.dumps(rest, ensure_ascii=False, separators=(",", ":"))
        return _printable(f"{report['event']}: {raw}"[:DETAIL_LENGTH])
    told = report.get("reason") or report.get("response") or report.get("url") or ""
    words = _printable(str(told)[:DETAIL_LENGTH])
    if kind is EventKind.DROPPED:
        status = DROPPED.get(words.strip().lower())
        return dropped_because(status, words) if status else f"dropped: {words}"
    code = report.get("status")
    # SendGrid may tell the code and the words apart.
    known = isinstance(code, str) and code and code not in words
    if kind is EventKind.BLOCKED and known:
        return _printable(f"{code} {words}"[:DETAIL_LENGTH])
    return words


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c for c in text if c.isprintable())
