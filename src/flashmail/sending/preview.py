"""Preview: a rendered brief as a sample reader would get it, as bytes."""

from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape

from flashmail.audience.segment import Segment
from flashmail.links import Links
from flashmail.message import BOUNCE, LEAVE, PIXEL, TOKEN, TOKEN_WIDTH, WATCH, fill
from flashmail.message.mime import Compiled
from flashmail.model import Priority
from flashmail.rendering import Rendered
from flashmail.sending.compose import Sender, compose

ADDRESS = "reader@example.com"

#: The token of no delivery: links in a preview lead nowhere.
NO_TOKEN = "0" * TOKEN_WIDTH

SAMPLE = {
    "name": "Sample Reader",
    "first_name": "Sample",
    "address": ADDRESS,
    "because": "this brief's topics",
    TOKEN: NO_TOKEN,
    LEAVE: NO_TOKEN,
    BOUNCE: NO_TOKEN,
    WATCH: NO_TOKEN,
    PIXEL: NO_TOKEN,
}


def html(rendered: Rendered, sender: Sender, links: Links) -> bytes:
    """Return the html part."""
    return fill(rendered.message.html, lambda field: escape(_sample(field))).encode()


def text(rendered: Rendered, sender: Sender, links: Links) -> bytes:
    """Return the plain-text part."""
    return fill(rendered.message.text, _sample).encode()


def mjml(rendered: Rendered, sender: Sender, links: Links) -> bytes:
    """Return what was given to the MJML compiler."""
    return rendered.mjml.encode()


def eml(rendered: Rendered, sender: Sender, links: Links) -> bytes:
    """Return the whole mail, byte for byte as it would travel."""
    draft = compose(
        rendered.message,
        rendered.destinations,
        segment=Segment(),
        topics=(),
        template="",
        priority=Priority.NORMAL,
        sender=sender,
        links=links,
    )
    date = format_datetime(datetime.now(UTC))
    return Compiled(draft.message).fill(ADDRESS, SAMPLE, date)


def _sample(field: str) -> str:
    return SAMPLE.get(field, "")
