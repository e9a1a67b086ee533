"""Signing in by another house's account: out to the provider, and back."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from flashmail.staff import door
from flashmail.staff.oidc import Journey, NotVouchedFor, Provider
from flashmail.web.dependencies import Now, Writing
from flashmail.web.policy import EVERYONE, allow
from flashmail.web.staff.login import inside, is_here, remember, sign_in_page

router = APIRouter()

#: What the browser keeps on its way, and for how many seconds.
WAY, WAY_HERE, SECONDS = "__Host-flashmail-way", "flashmail-way", 600

STRANGER = "Nobody with that address is on the staff. Ask an admin to add you."


@router.get("/sign-in/oidc", **allow(EVERYONE))
def go(request: Request, next: str = "/") -> Response:
    """Send the browser to the provider. Nothing is kept here but in the browser."""
    provider = _provider(request)
    journey = Journey.begin(inside(next))
    try:
        answer = RedirectResponse(provider.address(journey), 303)
    except NotVouchedFor as problem:
        return sign_in_page(request, 502, wrong=str(problem))
    here = is_here(request)
    answer.set_cookie(
        WAY_HERE if here else WAY,
        journey.write(),
        max_age=SECONDS,
        httponly=True,
        secure=not here,
        samesite="lax",
    )
    return answer


@router.get("/sign-in/oidc/back", **allow(EVERYONE))
def come_back(request: Request, session: Writing, now: Now) -> Response:
    """Let in whom the provider vouches for, if they are on the staff."""
    kept = request.cookies.get(WAY) or request.cookies.get(WAY_HERE) or ""
    try:
        journey = Journey.read(kept)
        address = _provider(request).vouches_for(journey, request.query_params)
    except NotVouchedFor as problem:
        return sign_in_page(request, 403, wrong=str(problem))
    token = door.vouched_for(session, address, now=now)
    if token is None:
        return sign_in_page(request, 403, wrong=STRANGER)
    answer = RedirectResponse(inside(journey.next), 303)
    remember(request, answer, token)
    for name in (WAY, WAY_HERE):
        answer.delete_cookie(name, secure=name == WAY, httponly=True)
    return answer


def _provider(request: Request) -> Provider:
    provider: Provider | None = request.app.state.oidc
    if provider is None:
        raise HTTPException(404, "There is no such page.")
    return provider
