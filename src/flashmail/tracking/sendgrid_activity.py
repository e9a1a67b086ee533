"""SendGrid's email activity: what became of mails of which we got no word.

Each is looked for by its reader's address, and believed by our own token in it. The
calls need SendGrid's add-on for activity history, and a key that may read it. See
https://www.twilio.com/docs/sendgrid/api-reference/e-mail-activity.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx2 as httpx
import orjson

from flashmail.errors import FlashmailError
from flashmail.links import BadToken, Purpose, Tokens
from flashmail.model import EventKind
from flashmail.tracking import sendgrid_webhook
from flashmail.tracking.events import NewEvent

#: Mails to one address that are looked at, the latest first.
MOST = 20

#: How often, and for how many seconds, we wait when SendGrid asks for patience.
WAITS, LONGEST_WAIT = 3, 70.0

#: SendGrid's words in the history of a mail, and those of its webhook.
WORDS = {
    "processed": "processed",
    "deferred": "deferred",
    "delivered": "delivered",
    "bounced": "bounce",
    "bounce": "bounce",
    "blocked": "bounce",
    "dropped": "dropped",
    "drop": "dropped",
    "spam_report": "spamreport",
    "spamreport": "spamreport",
}


class NoActivity(FlashmailError):
    """SendGrid does not tell; the text says why."""


@dataclass(frozen=True)
class UnknownMail:
    """A mail with an unknown fate."""

    campaign_id: int
    subscriber_id: int
    address: str


class ActivityClient:
    """Asks SendGrid. The client is handed in, with the key and the base URL."""

    def __init__(
        self,
        client: httpx.Client,
        tokens: Tokens,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._tokens, self._sleep = client, tokens, sleep

    def events(self, sought: UnknownMail, *, now: datetime) -> list[NewEvent]:
        """Return what SendGrid knows of a mail; nothing where it never had it.

        Raises NoActivity where it cannot be asked.
        """
        asked = {"limit": str(MOST), "query": f'to_email="{sought.address}"'}
        found = self._read("/v3/messages", asked).get("messages")
        for message in found if isinstance(found, list) else []:
            history = self._history(message)
            if history and self._is_it(history, sought):
                return list(self._told(history, sought, now))
        return []

    def _history(self, message: Any) -> dict[str, Any]:
        msg_id = message.get("msg_id") if isinstance(message, dict) else None
        if not isinstance(msg_id, str) or not msg_id:
            return {}
        return self._read(f"/v3/messages/{quote(msg_id, safe='')}", {})

    def _is_it(self, history: dict[str, Any], sought: UnknownMail) -> bool:
        """Whether a mail is the one that is sought, by our token in its arguments."""
        arguments = history.get("unique_args")
        if isinstance(arguments, str):
            try:
                arguments = orjson.loads(arguments)
            except orjson.JSONDecodeError:
                return False
        if not isinstance(arguments, dict):
            return False
        try:
            token = str(arguments.get(sendgrid_webhook.OUR_ARGUMENT, ""))
            pair = self._tokens.read(Purpose.WATCH, token)
        except BadToken:
            return False
        return pair == (sought.campaign_id, sought.subscriber_id)

    def _told(
        self, history: dict[str, Any], sought: UnknownMail, now: datetime
    ) -> Iterator[NewEvent]:
        events: Sequence[Any] = history.get("events") or []
        for number, told in enumerate(events if isinstance(events, list) else []):
            if not isinstance(told, dict):
                continue
            kind = _kind(told)
            if kind is not None:
                yield NewEvent(
                    key=f"activity:{history.get('msg_id')}:{number}"[:200],
                    campaign_id=sought.campaign_id,
                    subscriber_id=sought.subscriber_id,
                    kind=kind,
                    at=_moment(told.get("processed"), now),
                    recorded_at=now,
                    detail=str(told.get("reason") or "SendGrid's history says so")[
                        :500
                    ],
                )

    def _read(self, path: str, asked: dict[str, str]) -> dict[str, Any]:
        for _ in range(WAITS):
            try:
                answer = self._client.get(path, params=asked)
            except httpx.HTTPError as problem:
                raise NoActivity(f"SendGrid cannot be asked: {problem}") from None
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                break
            self._sleep(_patience(answer.headers.get("Retry-After", "")))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {}
        if answer.status_code in (401, 403):
            raise NoActivity(
                "SendGrid refuses: it needs the add-on for activity history, and a key"
                " that may read it"
            )
        if answer.is_error:
            raise NoActivity(f"SendGrid answered {answer.status_code}")
        try:
            told = answer.json()
        except ValueError:
            raise NoActivity("SendGrid's answer is not JSON") from None
        return told if isinstance(told, dict) else {}


def _kind(told: dict[str, Any]) -> EventKind | None:
    name = str(told.get("event_name") or "").lower()
    word = WORDS.get(name)
    blocked = name == "blocked" or told.get("bounce_type") in ("soft", "blocked")
    kind = "blocked" if blocked else "bounce"
    return sendgrid_webhook.kind_of({"event": word, "type": kind}) if word else None


def _moment(told: Any, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(str(told))
    except ValueError:
        return now
    return at if at.tzinfo and at <= now else now


def _patience(told: str) -> float:
    return min(float(told), LONGEST_WAIT) if told.isdecimal() else LONGEST_WAIT
