"""Signing in and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from flashmail.settings import is_loopback
from flashmail.staff import door
from flashmail.staff.door import TooManyFailures
from flashmail.web.dependencies import Now, Writing
from flashmail.web.page import page
from flashmail.web.policy import (
    COOKIE,
    COOKIE_HERE,
    EVERYONE,
    allow,
    refuse_foreign_forms,
    token_of,
)

router = APIRouter()

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
        token = door.sign_in(session, address, password, code, place=place, now=now)
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
    door.sign_out(session, token_of(request), now=now)
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
        max_age=int(door.SIGNED_IN.total_seconds()),
        httponly=True,
        secure=not here,
        samesite="lax",
    )


def inside(path: str) -> str:
    """Return a path of ours, whatever was asked for: nobody is taken elsewhere."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if plain and path.isprintable() else "/"
