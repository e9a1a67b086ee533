"""Policies: each route declares its callers, and a test sees to it."""

from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request
from sqlmodel import Session
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from flashmail.database import reading
from flashmail.model import Campaign, Draft, Role, Staff
from flashmail.review import approval
from flashmail.settings import is_loopback
from flashmail.staff import permissions, sign_in

Thing = TypeVar("Thing")

#: What a proxy adds. With one of these, the caller is not the one of the socket.
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")

#: The cookie of a sign-in. The prefix binds it to this host and to TLS (RFC 6265bis);
#: on this very machine there is no TLS.
COOKIE, COOKIE_HERE = "__Host-flashmail", "flashmail"

#: Policies besides the roles. BEARER routes read a signed link, PROVIDER routes a
#: signed body; both verify it themselves. MACHINE routes are for programs beside us.
EVERYONE, BEARER, PROVIDER, MACHINE = "everyone", "bearer", "provider", "machine"


class SignInFirst(Exception):
    """Nobody is signed in, and `path` is for staff."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def staff_only(needed: Role) -> Any:
    """Return a dependency that lets staff of a role in, and yields the account.

    As long as there is no staff, it is the person at this machine.
    """

    def require(request: Request) -> Staff | None:
        refuse_foreign_forms(request)
        with reading(request.app.state.engine) as session:
            if not sign_in.has_staff(session):
                at_the_machine(request)
                return None
            staff = sign_in.staff_of_token(
                session, token_of(request), now=datetime.now(UTC)
            )
            request.state.lone = approval.unreviewed(session) if staff else []
            open_to = staff is None or _within_limit(session, staff, request)
        if staff is None:
            raise SignInFirst(quote(request.url.path))
        if not staff.role.covers(needed):
            raise HTTPException(403, f"This is for the role {needed} and above.")
        if not open_to:
            # As if there were none: what it is about is nobody else's business.
            raise HTTPException(404, "There is no such page.")
        request.state.staff = staff
        return staff

    return require


def _within_limit(session: Session, staff: Staff, request: Request) -> bool:
    """Return whether what a path names is within an editor's topics."""
    if not permissions.is_limited(staff):
        return True
    campaign = _named(session, request, "campaign_id", Campaign)
    if campaign and not permissions.may_see(staff, permissions.topics_of(campaign)):
        return False
    draft = _named(session, request, "draft_id", Draft)
    return draft is None or permissions.can_open(staff, draft)


def _named(
    session: Session, request: Request, name: str, kind: type[Thing]
) -> Thing | None:
    number = str(request.path_params.get(name, ""))
    return session.get(kind, int(number)) if number.isdecimal() else None


def token_of(request: Request) -> str:
    """Return the token of a browser's sign-in; empty where there is none."""
    return request.cookies.get(COOKIE) or request.cookies.get(COOKIE_HERE) or ""


def at_the_machine(request: Request) -> None:
    """Refuse everybody but a browser on this machine that was pointed at it.

    The name in the address is checked besides the socket's: a page from elsewhere could
    have its own name resolve to this machine (DNS rebinding).
    """
    caller = request.client.host if request.client else ""
    named = (request.url.hostname or "").lower()
    here = is_loopback(caller) and is_loopback(named)
    if not here or any(name in request.headers for name in FORWARDED):
        raise HTTPException(404, "There is no such page.")


def refuse_foreign_forms(request: Request) -> None:
    """Refuse a form that another site's page sent (CSRF)."""
    if request.method in {"GET", "HEAD"}:
        return
    site = request.headers.get("sec-fetch-site")
    if site is None:
        # An older browser says where the form came from instead.
        ours = f"{request.url.scheme}://{request.url.netloc}"
        site = "same-origin" if request.headers.get("origin", ours) == ours else "?"
    if site not in {"same-origin", "none"}:
        raise HTTPException(403, "This form was not sent from one of our pages.")


class BareRoute(Route):
    """A route of plain ASGI: quick, and without a check of its callers.

    So it has to be one that checks a signature itself, or that is for everyone.
    """

    def __init__(self, path: str, answer: ASGIApp, *, policy: str) -> None:
        super().__init__(path, _Bare(answer), methods=["GET", "HEAD"])
        self.openapi_extra = {"x-policy": policy}
        self._answer = answer

    def quickly(self, scope: Scope) -> ASGIApp | None:
        """Return what answers a request, if it is for this route; its path is read."""
        found = self.path_regex.match(scope["path"])
        if found is None or scope["method"] not in {"GET", "HEAD"}:
            return None
        scope["path_params"] = {
            name: self.param_convertors[name].convert(value)
            for name, value in found.groupdict().items()
        }
        return self._answer


class _Bare:
    """Keeps Starlette from taking a function for one of a request."""

    def __init__(self, answer: ASGIApp) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


def allow(policy: str | Role) -> dict[str, Any]:
    """Return what a route's decorator needs to declare and enforce its policy."""
    checks = [Depends(staff_only(policy))] if isinstance(policy, Role) else []
    if policy == MACHINE:
        checks = [Depends(at_the_machine)]
    return {"dependencies": checks, "openapi_extra": {"x-policy": str(policy)}}
