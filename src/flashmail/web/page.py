"""Our own pages: Jinja2 with autoescape, and headers that let no script run."""

from pathlib import Path
from typing import Any

import jinja2
from fastapi.responses import HTMLResponse

PAGES = Path(__file__).parent / "pages"
STATIC = Path(__file__).parent / "static"

#: For pages of ours. Nothing from elsewhere, no script, no embedding by others.
OUR_PAGES = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: For a mail shown in a frame or a browser: staff's HTML must not be able to act.
MAIL = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https:;"
    " base-uri 'self'; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"
)

_pages = jinja2.Environment(
    loader=jinja2.FileSystemLoader(PAGES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return one of our pages."""
    html = _pages.get_template(f"{name}.html").render(**values)
    return HTMLResponse(html, status, {"Content-Security-Policy": OUR_PAGES})


def mail(html: str) -> HTMLResponse:
    """Return a mail's html, harmless; its links open beside the page."""
    opened_beside = html.replace("<head>", '<head><base target="_blank">', 1)
    return HTMLResponse(opened_beside, headers={"Content-Security-Policy": MAIL})
