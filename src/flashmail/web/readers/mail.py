"""A mail in the browser."""

from fastapi import APIRouter
from fastapi.responses import Response

from flashmail.briefs.embargo import lifted
from flashmail.links import NOBODY, BadToken, Purpose
from flashmail.message import LEAVE, TOKEN_WIDTH, WATCH, fill
from flashmail.model import Campaign, Delivery
from flashmail.sending.stored import embargo_of
from flashmail.web.dependencies import Now, OurTokens, Reading
from flashmail.web.page import mail
from flashmail.web.policy import BEARER, allow

router = APIRouter()


@router.get("/v/{token}", **allow(BEARER))
def view(token: str, session: Reading, tokens: OurTokens, now: Now) -> Response:
    """Show a mail in the browser, without what only its reader may know or do."""
    key = tokens.read(Purpose.WATCH, token)
    campaign = session.get(Campaign, key[0])
    known = key[1] == NOBODY or session.get(Delivery, key) is not None
    if campaign is None or not known:
        raise BadToken("this mail is not kept any more")
    if not lifted(embargo_of(session, campaign), now=now):
        raise BadToken("this brief is not to be seen yet")
    shared = {WATCH: token, LEAVE: "0" * TOKEN_WIDTH}
    return mail(fill(campaign.html, lambda field: shared.get(field, "")))
