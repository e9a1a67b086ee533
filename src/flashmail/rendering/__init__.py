"""Rendering: a brief and a template become a message."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flashmail.rendering.errors import RenderError
    from flashmail.rendering.finding import Finding
    from flashmail.rendering.render import Rendered
    from flashmail.rendering.renderer import Renderer
    from flashmail.rendering.site import Site

__all__ = ["Finding", "RenderError", "Rendered", "Renderer", "Site"]

#: Brought in when first asked for. The confined process passes through here, too, and
#: asks for none of them: loading all would take longer than the rendering itself.
HOMES = {
    "Finding": "finding",
    "RenderError": "errors",
    "Rendered": "render",
    "Renderer": "renderer",
    "Site": "site",
}


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
