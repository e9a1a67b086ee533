"""What readers' pages may show of a person, and how their forms are read."""

from typing import Any

from fastapi import Request
from sqlmodel import Session

from flashmail.audience.addresses import masked
from flashmail.audience.consent import Where, network_of
from flashmail.links import BadToken
from flashmail.model import Subscriber, SubscriberStatus


def person_of(session: Session, subscriber_id: int) -> Subscriber:
    """Return whose link it is; raise BadToken where that person was erased."""
    person = session.get(Subscriber, subscriber_id)
    if person is None:
        raise BadToken("nobody gets mail by this link any more")
    return person


def shown(person: Subscriber) -> dict[str, Any]:
    """What a page may show to whoever has the link: a mail can be passed on."""
    return {
        "address": masked(person.address),
        "left": person.status is SubscriberStatus.UNSUBSCRIBED,
    }


def where(request: Request, wording: str, source: str) -> Where:
    """Return where a word was given, for the consent ledger."""
    host = request.client.host if request.client else ""
    return Where(wording, source, network_of(host))


async def form_of(request: Request) -> Any:
    """Return the fields of a form in either encoding; none where it is no form."""
    try:
        return await request.form(max_files=0, max_fields=2000)
    except Exception:
        # One click must work whatever a mail program writes into the body.
        return {}


def texts(form: Any) -> dict[str, str]:
    """Return the fields of a form that are texts, the last of each name."""
    return {name: each for name, each in form.items() if isinstance(each, str)}


def changes(fields: dict[str, str], names: list[str]) -> dict[str, str]:
    """Return the fields of these names whose value is another one than was shown.

    A box that is not ticked is not sent at all.
    """
    return {
        name: value
        for name in names
        if f"was-{name}" in fields
        and (value := fields.get(name, "")) != fields[f"was-{name}"]
    }
