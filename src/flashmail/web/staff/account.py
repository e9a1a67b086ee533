"""One's own account: password, second factor, where one is signed in."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlmodel import Session

from flashmail.errors import WrongInput
from flashmail.model import Role, Staff
from flashmail.staff import account
from flashmail.staff.secrets import digest, totp_address
from flashmail.web.dependencies import By, Me, Reading, Writing
from flashmail.web.page import done, page
from flashmail.web.policy import allow, token_of

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
    request: Request, session: Writing, me: Me, by: By, old: Text, new: Text
) -> Response:
    """Change one's own password; every sign-in ends."""
    mine = _mine(session, me)
    if account.change_password(session, mine, old, new, now=by.now):
        return done("/sign-in")
    return _shown(request, session, mine, WRONG_PASSWORD, 403)


@router.post("/account/factor", **allow(Role.VIEWER))
def offer_factor(session: Writing, me: Me) -> Response:
    """Show a new secret for an authenticator; it counts once a code was typed."""
    mine = _mine(session, me)
    secret = account.offer_second_factor(mine)
    address = totp_address(secret, mine.key)
    return page("account-factor", secret=secret, address=address, wrong="")


@router.post("/account/factor/confirm", **allow(Role.VIEWER))
def confirm_factor(
    request: Request, session: Writing, me: Me, by: By, code: Text
) -> Response:
    """Ask for a code from now on: who typed a right one has set it up."""
    mine = _mine(session, me)
    recovery = account.confirm_second_factor(session, mine, code, now=by.now)
    if recovery is None:
        return _shown(request, session, mine, WRONG_CODE, 403)
    return page("staff-secret", person=mine.name, password="", recovery=recovery)


@router.post("/account/sign-ins", **allow(Role.VIEWER))
def end_others(request: Request, session: Writing, me: Me, by: By) -> Response:
    """End every other sign-in of one's own."""
    token = token_of(request)
    n = account.end_others(session, _mine(session, me), token, now=by.now)
    return done("/account", f"Other sign-ins that are over now: {n}.")


@router.post("/account/sign-ins/{held}", **allow(Role.VIEWER))
def end_one(held: str, session: Writing, me: Me, by: By) -> Response:
    """End one sign-in of one's own."""
    account.end_sign_in(session, _mine(session, me), held, now=by.now)
    return done("/account", "It is over.")


def _shown(
    request: Request, session: Session, mine: Staff, wrong: str = "", status: int = 200
) -> Response:
    return page(
        "account",
        status,
        sign_ins=account.sign_ins(session, mine),
        here=digest(token_of(request)),
        wrong=wrong,
    )


def _mine(session: Session, me: Staff | None) -> Staff:
    if me is None or me.id is None:
        raise WrongInput("nobody is on the staff yet, so there is no account")
    return session.get_one(Staff, me.id)
