"""Preview: a rendered brief as a sample reader would get it, as bytes."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape

from sqlmodel import Session, select

from flashmail.addresses import parse_address
from flashmail.audience.segment import Segment
from flashmail.audience.selection import followed
from flashmail.campaigns.content import Sender, compose
from flashmail.delivery.claim import ATTRIBUTE
from flashmail.errors import WrongInput
from flashmail.links import Links
from flashmail.message import fill
from flashmail.message.mime import Compiled
from flashmail.model import Priority, Subscriber
from flashmail.rendering import Rendered
from flashmail.rendering.brief_values import list_in_words
from flashmail.rendering.renderer import ADDRESS, SAMPLE

SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)")


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


def seen_by(session: Session, address: str, topics: Sequence[str]) -> dict[str, str]:
    """Return what a subscriber's mail would say where readers differ.

    Raises WrongInput where nobody has this address.
    """
    reader = session.exec(
        select(Subscriber).where(Subscriber.key == parse_address(address).key)
    ).one_or_none()
    if reader is None or reader.id is None:
        raise WrongInput(f"nobody has the address {address!r}")
    through = followed(session, [reader.id], topics).get(reader.id, ())
    own = {f"{ATTRIBUTE}{name}": str(v) for name, v in reader.attributes.items()}
    return (
        SAMPLE
        | own
        | {
            "name": reader.name,
            "first_name": reader.name.split(" ")[0],
            "address": reader.address,
            "because": list_in_words(through),
        }
    )


def shown(rendered: Rendered, values: Mapping[str, str], *, dark: bool) -> str:
    """Return the html as it looks with these values, by day or at night.

    A frame cannot choose its colour scheme, so the condition is met, or never.
    """
    page = fill(rendered.message.html, lambda field: escape(values.get(field, "")))
    page = SCHEME.sub("(min-width: 0)" if dark else "(max-width: 0)", page)
    return page.replace("light dark", "dark" if dark else "light")


def read_out(rendered: Rendered, values: Mapping[str, str]) -> str:
    """Return the plain text with these values."""
    return fill(rendered.message.text, lambda field: values.get(field, ""))


def _sample(field: str) -> str:
    return SAMPLE.get(field, "")
