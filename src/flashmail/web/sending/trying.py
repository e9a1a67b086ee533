"""Trying: a campaign's mail in a frame, and as a test in one's own mail program."""

from html import escape

from fastapi import APIRouter
from fastapi.responses import Response

from flashmail.message import PIXEL, fill
from flashmail.model import (
    Role,
)
from flashmail.sending import campaigns
from flashmail.sending.approve.preview import SAMPLE
from flashmail.sending.letters import letters
from flashmail.staff import people
from flashmail.web.dependencies import (
    By,
    Reading,
    Writing,
)
from flashmail.web.page import done, mail
from flashmail.web.policy import allow
from flashmail.web.sending.approving import Text

router = APIRouter()

#: Somebody who looks at it here is no reader: there is no pixel.
LOOKED_AT = SAMPLE | {PIXEL: ""}


@router.post("/campaigns/{campaign_id}/test", **allow(Role.EDITOR))
def send_test(
    campaign_id: int, session: Writing, by: By, addresses: Text = ""
) -> Response:
    """Send it to some of the staff, as a test."""
    wanted = addresses.replace(",", " ").split()
    staff = people.addresses(session)
    n = letters.ask_for_test(
        session, campaign_id, wanted, staff=staff, who=by.who, now=by.now
    )
    return done(f"/campaigns/{campaign_id}", f"Sent as a test to {n}.")


@router.get("/campaigns/{campaign_id}/html", **allow(Role.VIEWER))
def html(campaign_id: int, session: Reading) -> Response:
    """Return its mail as a sample reader would get it, for a frame."""
    found = campaigns.find(session, campaign_id)
    return mail(fill(found.html, lambda field: escape(LOOKED_AT.get(field, ""))))
