"""Signing in and out."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from flashmail.errors import WrongInput
from flashmail.model import Role, Staff
from flashmail.settings import is_loopback
from flashmail.staff import sign_in
from flashmail.staff.credentials import secret_hash, totp_address
from flashmail.staff.oidc import IdentityRefused, OidcState, Provider
from flashmail.staff.sign_in import TooManyFailures
from flashmail.web.dependencies import Me, Now, Reading, User, Writing
from flashmail.web.page import done, page
from flashmail.web.policy import (
    COOKIE,
    COOKIE_HERE,
    EVERYONE,
    allow,
    refuse_foreign_forms,
    token_of,
)

router = APIRouter()

Text = Annotated[str, Form(max_length=500)]

WRONG_PASSWORD = "That is not the password you have."

WRONG_CODE = "That code is wrong, or too old. Set it up once more."


@router.get("/account", **allow(Role.VIEWER))
def show(request: Request, session: Reading, me: Me) -> Response:
    """Show one's own password, second factor and sign-ins."""
    return _shown(request, session, _mine(session, me))


@router.post("/account/password", **allow(Role.VIEWER))
def change_password(
    request: Request, session: Writing, me: Me, user: User, old: Text, new: Text
) -> Response:
    """Change one's own password; every sign-in ends."""
    mine = _mine(session, me)
    if sign_in.change_password(session, mine, old, new, now=user.now):
        return done("/sign-in")
    return _shown(request, session, mine, WRONG_PASSWORD, 403)


@router.post("/account/factor", **allow(Role.VIEWER))
def offer_factor(session: Writing, me: Me) -> Response:
    """Show a new secret for an authenticator; it counts once a code was typed."""
    mine = _mine(session, me)
    secret = sign_in.offer_second_factor(mine)
    address = totp_address(secret, mine.key)
    return page("account-factor", secret=secret, address=address, wrong="")


@router.post("/account/factor/confirm", **allow(Role.VIEWER))
def confirm_factor(
    request: Request, session: Writing, me: Me, user: User, code: Text
) -> Response:
    """Ask for a code from now on: a right one was typed, so the app is set up."""
    mine = _mine(session, me)
    recovery = sign_in.confirm_second_factor(session, mine, code, now=user.now)
    if recovery is None:
        return _shown(request, session, mine, WRONG_CODE, 403)
    return page("staff-secret", person=mine.name, password="", recovery=recovery)


@router.post("/account/sign-ins", **allow(Role.VIEWER))
def end_others(request: Request, session: Writing, me: Me, user: User) -> Response:
    """End every other sign-in of one's own."""
    token = token_of(request)
    n = sign_in.end_others(session, _mine(session, me), token, now=user.now)
    return done("/account", f"Other sign-ins that are over now: {n}.")


@router.post("/account/sign-ins/{held}", **allow(Role.VIEWER))
def end_one(held: str, session: Writing, me: Me, user: User) -> Response:
    """End one sign-in of one's own."""
    sign_in.end_sign_in(session, _mine(session, me), held, now=user.now)
    return done("/account", "It is over.")


def _shown(
    request: Request, session: Session, mine: Staff, wrong: str = "", status: int = 200
) -> Response:
    return page(
        "account",
        status,
        sign_ins=sign_in.sign_ins(session, mine),
        here=secret_hash(token_of(request)),
        wrong=wrong,
    )


def _mine(session: Session, me: Staff | None) -> Staff:
    if me is None or me.id is None:
        raise WrongInput("nobody is on the staff yet, so there is no account")
    return session.get_one(Staff, me.id)


WRONG = "Address, password or code is wrong."

TOO_OFTEN = "It was tried too often. Wait a quarter of an hour."

Field = Annotated[str, Form(max_length=500)]


@router.get("/sign-in", **allow(EVERYONE))
def ask(request: Request, next: str = "/") -> Response:
    """Show the form."""
    return sign_in_page(request, next=next)


@router.post("/sign-in", **allow(EVERYONE))
def enter(
    request: Request,
    session: Writing,
    now: Now,
    address: Field,
    password: Field,
    code: Field = "",
    next: Field = "/",
) -> Response:
    """Let somebody in, or say that something was wrong, but not what."""
    refuse_foreign_forms(request)
    place = request.client.host if request.client else ""
    try:
        token = sign_in.sign_in(session, address, password, code, place=place, now=now)
    except TooManyFailures:
        return sign_in_page(request, 429, next=next, wrong=TOO_OFTEN)
    if token is None:
        return sign_in_page(request, 403, next=next, wrong=WRONG)
    answer = RedirectResponse(inside(next), 303)
    remember(request, answer, token)
    return answer


@router.post("/sign-out", **allow(EVERYONE))
def leave(request: Request, session: Writing, now: Now) -> Response:
    """End this sign-in, on our side as well as in the browser."""
    refuse_foreign_forms(request)
    sign_in.sign_out(session, token_of(request), now=now)
    answer = RedirectResponse("/sign-in", 303)
    for name in (COOKIE, COOKIE_HERE):
        answer.delete_cookie(name, secure=name == COOKIE, httponly=True)
    return answer


def sign_in_page(
    request: Request, status: int = 200, *, next: str = "/", wrong: str = ""
) -> Response:
    """Return the form; it leads to the provider too, if there is one."""
    provider = request.app.state.oidc is not None
    return page("sign-in", status, next=inside(next), wrong=wrong, provider=provider)


def is_here(request: Request) -> bool:
    """Return whether the browser sits at this machine, where there is no TLS."""
    return request.url.scheme == "http" and is_loopback(request.url.hostname or "")


def remember(request: Request, answer: Response, token: str) -> None:
    """Have a browser keep the token of a sign-in."""
    here = is_here(request)
    answer.set_cookie(
        COOKIE_HERE if here else COOKIE,
        token,
        max_age=int(sign_in.SIGNED_IN.total_seconds()),
        httponly=True,
        secure=not here,
        samesite="lax",
    )


def inside(path: str) -> str:
    """Return a path of ours, whatever was asked for: nobody is taken elsewhere."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if plain and path.isprintable() else "/"


#: What the browser keeps on its way, and for how many seconds.
WAY, WAY_HERE, SECONDS = "__Host-flashmail-way", "flashmail-way", 600

STRANGER = "Nobody with that address is on the staff. Ask an admin to add you."


@router.get("/sign-in/oidc", **allow(EVERYONE))
def go(request: Request, next: str = "/") -> Response:
    """Send the browser to the provider. Nothing is kept here but in the browser."""
    provider = _provider(request)
    journey = OidcState.begin(inside(next))
    try:
        answer = RedirectResponse(provider.address(journey), 303)
    except IdentityRefused as problem:
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
    """Let in a member of staff that the provider vouches for."""
    kept = request.cookies.get(WAY) or request.cookies.get(WAY_HERE) or ""
    try:
        journey = OidcState.read(kept)
        address = _provider(request).vouches_for(journey, request.query_params)
    except IdentityRefused as problem:
        return sign_in_page(request, 403, wrong=str(problem))
    token = sign_in.sign_in_with_provider(session, address, now=now)
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
