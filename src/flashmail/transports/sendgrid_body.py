"""A message in SendGrid's words: the body of a v3 mail/send request.

See https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from hashlib import blake2s
from html import escape
from typing import Any

import orjson

from flashmail.errors import WrongInput
from flashmail.message import MARK, PIXEL, TOKEN, TOKENS, Message, picture
from flashmail.message.headers import mailbox, named
from flashmail.message.mime import compiled
from flashmail.message.slots import settled, token
from flashmail.transports.base import Recipient

Json = dict[str, Any]

#: What SendGrid takes in one request, and in bytes for one personalization.
PERSONALIZATIONS, SUBSTITUTIONS = 1000, 10_000

#: Comes back with every event, so that an event finds its delivery. Nothing else does:
#: custom arguments are stored unencrypted, so no address or name may be among them.
DELIVERY = "fm_delivery"

#: Header lines that are not sent, and why.
NOT_SENT = {
    "from": "a field of its own",
    "reply-to": "a field of its own; refused as a header",
    "message-id": "SendGrid writes its own and reports events under it",
    "sender": "SendGrid signs for the domain it verified",
    "dkim-signature": "refused: SendGrid signs",
    "received": "refused: SendGrid writes it",
    "x-sg-id": "refused: SendGrid's own",
    "x-sg-eid": "refused: SendGrid's own",
    "x-smtpapi": "would be read as instructions to SendGrid",
}

SPECIAL = re.compile("[&<>\"']").search

#: flashmail tracks itself; a second set of links and pixels would break its own.
UNTRACKED = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}


class SendGridMail:
    """A message prepared once; each request adds its readers.

    Raises WrongInput when the message cannot be a mail at all.
    """

    def __init__(self, message: Message) -> None:
        compiled(message)  # Refuses what could do harm in a header.
        self._substitutions = _Substitutions(message.html + message.text)
        sent = {n: v for n, v in message.headers if n.lower() not in NOT_SENT}
        self._same = {n: v for n, v in sent.items() if not MARK.search(v)}
        self._marked = {n: MARK.split(sent[n]) for n in sent.keys() - self._same.keys()}
        self._fixed = self._common(message)

    def personalization(self, recipient: Recipient) -> Json:
        """Return one reader's part; raise WrongInput when SendGrid cannot take it."""
        box = mailbox(recipient.address)
        if box.needs_smtputf8:
            raise WrongInput("smtputf8: SendGrid takes only ASCII before the @")
        return {
            "to": [{"email": box.octets.decode()}],
            "substitutions": self._substitutions.fill(recipient),
            "custom_args": {DELIVERY: _token(recipient, TOKEN)},
            "headers": self._same
            | {name: _filled(parts, recipient) for name, parts in self._marked.items()},
        }

    def body(self, personalizations: Sequence[Json]) -> bytes:
        """Return a request for these readers."""
        return orjson.dumps({**self._fixed, "personalizations": personalizations})

    def _common(self, message: Message) -> Json:
        """Return what is the same for all readers."""
        text = self._substitutions.mark(message.text, settled)
        html = self._substitutions.mark(message.html, _in_html)
        fixed: Json = {
            "subject": message.subject,
            "content": [
                # SendGrid refuses an empty part, and wants plain text first.
                {"type": kind, "value": value}
                for kind, value in (("text/plain", text), ("text/html", html))
                if value
            ],
            "tracking_settings": UNTRACKED,
        }
        for name, value in message.headers:
            if name.lower() in ("from", "reply-to"):
                fixed[name.lower().replace("-", "_")] = _person(name, value)
        return fixed


class _Substitutions:
    """Keys that stand for marks.

    Html and text have separate ones: SendGrid puts in values as they are, and only
    html's are escaped.
    """

    def __init__(self, content: str) -> None:
        # Letters and digits alone, so that a key is safe in a link, and a nonce, so
        # that no brief holds one by chance.
        self._nonce = blake2s(content.encode("utf-8", "replace"), digest_size=6)
        self._keys: dict[tuple[str, str, Callable[[str], str]], str] = {}

    def mark(self, text: str, write: Callable[[str], str]) -> str:
        """Replace a text's marks by keys with values that `write` will encode."""
        return MARK.sub(lambda mark: self._key(mark[1], mark[2], write), text)

    def fill(self, recipient: Recipient) -> dict[str, str]:
        values = recipient.values
        filled = {
            key: write(values.get(field) or fallback)
            for (field, fallback, write), key in self._keys.items()
        }
        # No character takes more than four bytes: most readers need no counting.
        if 4 * sum(map(len, filled.values())) > SUBSTITUTIONS - self._keys_size:
            size = sum(len(value.encode()) for value in filled.values())
            if size + self._keys_size > SUBSTITUTIONS:
                raise WrongInput(
                    f"SendGrid takes {SUBSTITUTIONS} bytes of fields for one reader"
                )
        return filled

    def _key(self, field: str, fallback: str, write: Callable[[str], str]) -> str:
        if field in TOKENS:
            write = str  # Hexadecimal needs no escaping, so one key serves both.
        if field == PIXEL:
            fallback, write = "", partial(picture, fallback)
        number = len(self._keys)
        # Of one width, so that no key begins with another.
        key = f"fm{self._nonce.hexdigest()}n{number:04d}x"
        return self._keys.setdefault((field, fallback, write), key)

    @property
    def _keys_size(self) -> int:
        return sum(map(len, self._keys.values()))


@lru_cache(maxsize=8)
def prepared(message: Message) -> SendGridMail:
    """Return the message prepared; the last few are kept, since batches share them."""
    return SendGridMail(message)


def _in_html(value: str) -> str:
    value = settled(value)
    return escape(value) if SPECIAL(value) else value


def _filled(parts: Sequence[str], recipient: Recipient) -> str:
    """Join what MARK.split cut a header into: text, field, fallback, text and so on."""
    filled = parts[0]
    for field, text in zip(parts[1::3], parts[3::3], strict=True):
        filled += _token(recipient, field) + text
    return filled


def _token(recipient: Recipient, field: str) -> str:
    value = recipient.values.get(field, "")
    token(value)
    return value


def _person(name: str, value: str) -> Json:
    said, address = named(name, value)
    email = mailbox(address).octets.decode()
    return {"email": email, "name": said} if said else {"email": email}
