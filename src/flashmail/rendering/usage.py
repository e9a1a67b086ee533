"""Which files a template uses, and whether their Jinja is sound."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.meta import find_referenced_templates

from flashmail.rendering.expand import WITHOUT_SAFE
from flashmail.rendering.flaw import Flaw
from flashmail.rendering.folders import PARTIALS
from flashmail.rendering.lint import WRITTEN
from flashmail.rendering.sandbox import Sandbox, refuse_unescaped

#: Given by Jinja within loops, macros and blocks.
SPECIAL = ("loop", "caller", "varargs", "kwargs", "self", "super")

_lexer = Environment()


class Usage:
    """A template's own files and the partials that they include."""

    def __init__(
        self, template: str, files: Mapping[str, str], names: frozenset[str]
    ) -> None:
        self._template, self._files, self._names = template, files, names
        self._sandbox = Sandbox(template, files, html=True)
        self._trees: dict[str, nodes.Template] = {}
        self._unsound: list[Flaw] = []
        for file in files:
            if not file.startswith(f"{PARTIALS}/"):
                self._read(file)

    @property
    def sound(self) -> dict[str, str]:
        """Return the used files whose Jinja can be read."""
        return {file: self._files[file] for file in self._trees}

    def findings(self) -> Iterator[Flaw]:
        """Yield what is wrong with the Jinja of the files."""
        yield from self._unsound
        for file, tree in self._trees.items():
            yield from self._in_names(file, tree)
            yield from self._in_filters(file, tree)

    def _read(self, file: str) -> None:
        if file in self._trees:
            return
        try:
            tree = self._sandbox.parse(self._files[file], file, file)
            refuse_unescaped(tree, file)
        except TemplateSyntaxError as error:
            message = error.message or "cannot be read"
            self._unsound.append(Flaw("error", file, error.lineno, message))
            return
        except (RecursionError, ValueError) as error:
            self._unsound.append(Flaw("error", file, 0, f"cannot be read: {error}"))
            return
        self._trees[file] = tree
        for name in find_referenced_templates(tree):
            for key in (f"{self._template}/{name}", f"{name}"):
                if key in self._files:
                    self._read(key)

    def _in_names(self, file: str, tree: nodes.Template) -> Iterator[Flaw]:
        """Yield names that nobody gives: neither we nor a file of the template."""
        for node in tree.find_all(nodes.Name):
            if node.ctx == "load" and node.name not in self._names | self._given:
                known = ", ".join(sorted(self._names))
                message = f"there is no {node.name!r}; there are: {known}"
                yield Flaw("error", file, node.lineno, message)

    @cached_property
    def _given(self) -> frozenset[str]:
        """The names that the files themselves give to each other.

        Not asked of `jinja2.meta`, which compiles: that may take forever.
        """
        return frozenset().union(*map(_names_given, self._trees.values()), SPECIAL)

    def _in_filters(self, file: str, tree: nodes.Template) -> Iterator[Flaw]:
        for node in tree.find_all(nodes.Filter):
            if node.name not in self._sandbox.filters:
                message = f"there is no filter {node.name!r}"
                message = WITHOUT_SAFE if node.name == "safe" else message
                yield Flaw("error", file, node.lineno, message)


def _names_given(tree: nodes.Template) -> Iterator[str]:
    for node in tree.find_all((nodes.Name, nodes.Macro, nodes.Import)):
        if isinstance(node, nodes.Macro):
            yield node.name
        elif isinstance(node, nodes.Import):
            yield node.target
        elif isinstance(node, nodes.Name) and node.ctx != "load":
            yield node.name
    for imported in tree.find_all(nodes.FromImport):
        for name in imported.names:
            yield name if isinstance(name, str) else name[1]


def without_jinja(source: str) -> str:
    """Return the MJML of a source, on the lines where it stood.

    `WRITTEN` takes the place of what Jinja writes.
    """
    parts, line = [], 1
    for number, kind, text in _lexer.lex(source):
        parts.append("\n" * (number - line))
        line = max(line, number) + text.count("\n")
        if kind == "data":
            parts.append(text)
        else:
            parts.append(WRITTEN if kind == "variable_begin" else "")
            parts.append("\n" * text.count("\n"))
    return "".join(parts)
