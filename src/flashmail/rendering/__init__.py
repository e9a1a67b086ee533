"""Rendering: a brief and a template become a message."""

from flashmail.errors import RenderError
from flashmail.findings import TemplateProblem
from flashmail.rendering.render import Rendered, Site
from flashmail.rendering.renderer import Renderer

__all__ = ["RenderError", "Rendered", "Renderer", "Site", "TemplateProblem"]
