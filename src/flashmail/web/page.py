"""Our own pages: Jinja2 with autoescape, and headers that let no inline script run."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from flashmail.audience.counts import change
from flashmail.model import Role


@dataclass(frozen=True)
class MenuItem:
    """A line of the menu; it leads to a path and stands for all below it."""

    path: str
    name: str
    role: Role = Role.VIEWER

    def covers(self, path: str) -> bool:
        return path == self.path or (
            self.path != "/" and path.startswith(self.path + "/")
        )


#: In the order of the path: write, send, choose, look after.
MENU = (
    MenuItem("/", "Overview"),
    MenuItem("/briefs", "Briefs"),
    MenuItem("/campaigns", "Campaigns"),
    MenuItem("/subscribers", "Subscribers"),
    MenuItem("/segments", "Segments"),
    MenuItem("/topics", "Topics"),
    MenuItem("/outbox", "Outbox"),
    MenuItem("/staff", "Staff", Role.ADMIN),
    MenuItem("/audit", "Audit log", Role.ADMIN),
)


def menu(role: Role | None) -> list[MenuItem]:
    """Return what a role sees; the person at the machine sees everything."""
    return [each for each in MENU if role is None or role.covers(each.role)]


PAGES = Path(__file__).parent / "pages"

STATIC = Path(__file__).parent / "static"

#: For pages of ours. Nothing from elsewhere, no inline script, no embedding by others.
OUR_PAGES = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " img-src 'self' data:; frame-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)

#: For a mail shown in a frame or a browser: staff's HTML must not be able to act.
MAIL = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https:;"
    " base-uri 'self'; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"
)

#: What the last deed has to say on the next page, kept by the browser until then.
NOTICE = "flashmail-notice"

NOTICE_SECONDS = 60

#: The request that is being answered; `web.app` sets it.
asked: ContextVar[Request | None] = ContextVar("asked", default=None)


@dataclass(frozen=True)
class Notice:
    """What was done, and the path that a form posts to in order to undo it."""

    text: str
    undo: str = ""


def page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return one of our pages; menu, notice and the account come by themselves."""
    request = asked.get()
    notice = _notice(request) if request else None
    known = {"me": _me(request), "notice": notice, **_where(request)}
    html = _pages.get_template(f"{name}.html").render(known | values)
    answer = HTMLResponse(html, status, {"Content-Security-Policy": OUR_PAGES})
    if notice:
        answer.delete_cookie(NOTICE, httponly=True, samesite="lax")
    return answer


def xml(name: str, **values: Any) -> str:
    """Return a page that is no html but for programs, escaped all the same."""
    return _pages.get_template(f"{name}.xml").render(**values)


def part(name: str, **values: Any) -> HTMLResponse:
    """Return a piece of a page, for htmx to put in its place."""
    html = _pages.get_template(f"{name}.html").render(me=_me(asked.get()), **values)
    return HTMLResponse(html, headers={"Content-Security-Policy": OUR_PAGES})


def done(to: str, text: str = "", undo: str = "") -> RedirectResponse:
    """Lead on after a form was sent; the next page says what was done."""
    answer = RedirectResponse(to, 303)
    if text:
        value = urlsafe_b64encode(json.dumps([text, undo]).encode()).decode()
        answer.set_cookie(
            NOTICE, value, max_age=NOTICE_SECONDS, httponly=True, samesite="lax"
        )
    return answer


def mail(html: str) -> HTMLResponse:
    """Return a mail's html, harmless; its links open beside the page."""
    opened_beside = html.replace("<head>", '<head><base target="_blank">', 1)
    return HTMLResponse(opened_beside, headers={"Content-Security-Policy": MAIL})


def framed(name: str, **values: Any) -> HTMLResponse:
    """Return a page of ours for a mail's frame, as harmless as a mail."""
    html = _pages.get_template(f"{name}.html").render(**values)
    return HTMLResponse(html, headers={"Content-Security-Policy": MAIL})


def duration(seconds: float) -> str:
    """Return a span of time as people say it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _me(request: Request | None) -> Any:
    return getattr(request.state, "staff", None) if request else None


def _where(request: Request | None) -> dict[str, Any]:
    me = _me(request)
    return {
        "path": request.url.path if request else "",
        "menu": menu(me and me.role),
        "training": bool(request and request.app.state.training),
        "lone": getattr(request.state, "lone", []) if request else [],
        "site": request.app.state.mail_kit.sender.name if request else "",
    }


def _notice(request: Request) -> Notice | None:
    kept = request.cookies.get(NOTICE, "")
    with suppress(ValueError, TypeError):
        text, undo = json.loads(urlsafe_b64decode(kept))
        ours = str(undo).startswith("/") and not str(undo).startswith(("//", "/\\"))
        return Notice(str(text), str(undo) if ours else "")
    return None


_pages = jinja2.Environment(
    loader=jinja2.FileSystemLoader(PAGES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

_pages.globals["duration"] = duration

#: The size of the line, in pixels.
WIDTH, HEIGHT = 96, 24


@dataclass(frozen=True)
class AudienceGrowth:
    """The points of an SVG polyline, and by how much it grew; None if not known."""

    points: str
    change: int | None


def growth_of(line: Sequence[int | None]) -> AudienceGrowth:
    """Draw the counts of some weeks; weeks without one are left out."""
    known = [(week, n) for week, n in enumerate(line) if n is not None]
    if len(known) < 2:
        return AudienceGrowth("", None)
    low, high = min(n for _, n in known), max(n for _, n in known)
    points = [
        f"{week * WIDTH / max(1, len(line) - 1):.0f},{_height(n, low, high):.0f}"
        for week, n in known
    ]
    return AudienceGrowth(" ".join(points), change(line))


def _height(n: int, low: int, high: int) -> float:
    """Return how far from the top a count stands: in the middle if none changed."""
    if low == high:
        return HEIGHT / 2
    return 2 + (HEIGHT - 4) * (high - n) / (high - low)
