"""Who may call a route. Each route declares one of these; a test sees to it."""

from enum import StrEnum
from typing import Any

from fastapi import Depends, HTTPException, Request

from flashmail.settings import is_loopback

#: What a proxy adds. With one of these, the caller is not who the socket says.
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Policy(StrEnum):
    """The ways in which a caller can be entitled."""

    EVERYONE = "everyone"
    BEARER = "bearer"  # of a signed link; the route reads the token itself
    PROVIDER = "provider"  # who signs the body; the route verifies it
    AT_THE_MACHINE = "at the machine"  # who sits at this computer


def at_the_machine(request: Request) -> None:
    """Refuse everybody but a browser on this machine that was pointed at it.

    The name in the address is checked besides the socket's: a page from elsewhere could
    have its own name resolve to this machine (DNS rebinding). A form is refused when
    another site's page sent it.
    """
    caller = request.client.host if request.client else ""
    named = (request.url.hostname or "").lower()
    here = is_loopback(caller) and is_loopback(named)
    if not here or any(name in request.headers for name in FORWARDED):
        raise HTTPException(404, "There is no such page.")
    origin = request.headers.get("sec-fetch-site", "none")
    if request.method not in {"GET", "HEAD"} and origin not in {"none", "same-origin"}:
        raise HTTPException(403, "This form was not sent from one of our pages.")


CHECKS = {Policy.AT_THE_MACHINE: [Depends(at_the_machine)]}


def allow(policy: Policy) -> dict[str, Any]:
    """Return what a route's decorator needs to declare and enforce its policy."""
    return {
        "dependencies": CHECKS.get(policy, []),
        "openapi_extra": {"x-policy": policy.value},
    }
