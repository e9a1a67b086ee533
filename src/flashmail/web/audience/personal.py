"""What is kept of one person: taken along, or erased for good."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from flashmail.audience import change
from flashmail.audience.log import log, of_subscriber
from flashmail.audience.takeout import as_text, takeout
from flashmail.errors import WrongInput
from flashmail.model import Role
from flashmail.sending.farewell import erase_everywhere
from flashmail.web.dependencies import Now, Reading, TheOutbox, Who, Writing
from flashmail.web.page import done, page
from flashmail.web.policy import allow

router = APIRouter()


@router.get("/subscribers/{subscriber_id}/takeout.json", **allow(Role.LIST_MANAGER))
def take_along(subscriber_id: int, session: Reading) -> Response:
    """Return everything that is kept of a person, for them to have."""
    person = change.find(session, subscriber_id)
    name = f'attachment; filename="subscriber-{subscriber_id}.json"'
    return Response(
        as_text(takeout(session, person)),
        media_type="application/json",
        headers={"Content-Disposition": name},
    )


@router.get("/subscribers/{subscriber_id}/erase", **allow(Role.LIST_MANAGER))
def ask(subscriber_id: int, session: Reading) -> Response:
    """Say what erasing means, and ask for the address."""
    return page("subscriber-erase", person=change.find(session, subscriber_id))


@router.post("/subscribers/{subscriber_id}/erase", **allow(Role.LIST_MANAGER))
def erase_them(
    subscriber_id: int,
    session: Writing,
    who: Who,
    outbox: TheOutbox,
    now: Now,
    address: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Erase a person whose address was typed."""
    person = change.find(session, subscriber_id)
    if address.strip().lower() != person.address.lower():
        raise WrongInput("nobody was erased: the address that you typed is another one")
    erase_everywhere(session, person, outbox, now=now)
    log(session, of_subscriber(subscriber_id), "erase", who=who, now=now)
    return done("/subscribers", "One person is erased.")
