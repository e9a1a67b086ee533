"""Rendering: a brief and a template become a message."""

from flashmail.rendering.errors import RenderError
from flashmail.rendering.flaw import Flaw
from flashmail.rendering.render import Rendered
from flashmail.rendering.renderer import Renderer
from flashmail.rendering.site import Site

__all__ = ["Flaw", "RenderError", "Rendered", "Renderer", "Site"]
