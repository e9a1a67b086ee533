"""The Jinja that staff templates are written in: little, and without a way out.

Values are texts, numbers, tuples and dicts. Nothing else of Python can be reached:
dots lead to the keys of dicts only, there are no globals, and no filter can call.
"""

import re
from collections.abc import Callable, Mapping
from textwrap import TextWrapper
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

#: Leaves room for the `>` of two answers in 78 columns (RFC 5322, 2.1.1).
WIDTH = 74


def wrap(text: object, first: str = "", rest: str | None = None) -> str:
    """Fold a paragraph; addresses stay whole, however long they are.

    `first` leads the first line and `rest` the others, which else are indented alike.
    """
    wrapper = TextWrapper(
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.fill(str(text))


def underline(text: object, char: str = "-") -> str:
    """Set a heading: folded, with a line as long as its longest below."""
    folded = wrap(text)
    longest = max(len(line) for line in folded.split("\n"))
    return f"{folded}\n{char[:1] * longest}"


def tidied(text: str) -> str:
    """Return a page without spaces at the ends of lines and with single gaps."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"


FILTERS = {"wrap": wrap, "underline": underline}

#: Filters as they are in Jinja. Not among them: `safe`, which would let a person's name
#: write html, and all that look up attributes by name or format numbers at any width.
KEPT = (
    "batch capitalize count d default e escape first indent int join last length "
    "list lower replace reverse slice sort striptags string title trim truncate "
    "unique upper urlencode wordcount"
)

TESTS = (
    "boolean defined divisibleby eq even false ge gt in integer iterable le lt "
    "mapping ne none number odd sequence string true undefined"
)

Loader = Callable[[str], tuple[str, str, None] | None]


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja for one template; html is escaped, plain text is not."""

    def __init__(self, template: str, files: Mapping[str, str], *, html: bool) -> None:
        super().__init__(
            autoescape=html,
            undefined=StrictUndefined,
            loader=FunctionLoader(self._load),
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._template, self._files = template, files
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in KEPT.split()} | FILTERS
        self.tests = {name: self.tests[name] for name in TESTS.split()}

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self._of_plain(obj, attribute, super().getattr)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self._of_plain(obj, argument, super().getitem)

    def _generate(
        self,
        source: nodes.Template,
        name: str | None,
        filename: str | None,
        defer_init: bool = False,
    ) -> str:
        """Look a template over on its way to being compiled."""
        refuse_unescaped(source, name or "")
        return super()._generate(source, name, filename, defer_init)

    def _of_plain(self, obj: Any, key: Any, beyond: Callable[[Any, Any], Any]) -> Any:
        """Look a name up in dicts only, so that no method of a value is in reach."""
        if isinstance(obj, dict):
            return obj[key] if key in obj else self.undefined(obj=obj, name=key)
        if isinstance(obj, str | tuple | list | int | float) and isinstance(key, str):
            return self.undefined(obj=obj, name=key)
        return beyond(obj, key)

    def _load(self, name: str) -> tuple[str, str, None] | None:
        """Find a file of the template itself, or of the partials: of no other."""
        for key in (f"{self._template}/{name}", name):
            if key in self._files:
                return self._files[key], key, None
        return None


def refuse_unescaped(tree: nodes.Template, file: str) -> None:
    """Raise TemplateSyntaxError for a block that turns escaping off."""
    for node in tree.find_all(nodes.ScopedEvalContextModifier):
        message = "{% autoescape %} is not for templates: all that varies is escaped"
        raise TemplateSyntaxError(message, node.lineno, file, file)
