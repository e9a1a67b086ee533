"""The renderer of an installation: its templates, its name, its address."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from flashmail.briefs.brief import Brief
from flashmail.rendering import check, folders
from flashmail.rendering.flaw import Flaw
from flashmail.rendering.render import Order, Rendered, render
from flashmail.rendering.site import Site

NOTHING: Mapping[str, object] = MappingProxyType({})


class Renderer:
    """Renders with the templates of some folders, of which the first that has one wins.

    Files are read anew for each mail, so that whoever works on a template sees it.
    """

    def __init__(self, folders: Sequence[Path], site: Site) -> None:
        self._folders, self._site = tuple(folders), site

    def names(self) -> list[str]:
        """Return the names of all templates."""
        return folders.names(self._folders)

    def render(
        self,
        brief: Brief | None,
        template: str = "flash-brief",
        *,
        urgent: bool = False,
        extra: Mapping[str, object] = NOTHING,
        tracked: bool = True,
    ) -> Rendered:
        """Return the message that a template makes of a brief.

        `extra` are the names that only its kind is given; see `rendering.kinds`.
        Raises RenderError, which names the file and the line.
        """
        return render(
            replace(
                self._order(template),
                brief=brief,
                urgent=urgent,
                extra=extra,
                tracked=tracked,
            )
        )

    def check(self, name: str) -> list[Flaw]:
        """Return what is wrong with a template, by file and line."""
        return check.check(self._order(name))

    def _order(self, template: str) -> Order:
        files = folders.sources(self._folders, template)
        return Order(template, files, self._site)
