"""Which files a template uses, and whether their Jinja is sound."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.meta import find_referenced_templates

from flashmail.briefs.brief import Brief, Quote, Related, Section, SectionKind
from flashmail.errors import RenderError
from flashmail.findings import TemplateProblem
from flashmail.links import Links
from flashmail.message import BOUNCE, LEAVE, PIXEL, TOKEN, TOKEN_WIDTH, WATCH
from flashmail.rendering import template_files
from flashmail.rendering.expand import WITHOUT_SAFE
from flashmail.rendering.html import Document
from flashmail.rendering.jinja_sandbox import Sandbox, refuse_unescaped
from flashmail.rendering.mjml_lint import WRITTEN, lint
from flashmail.rendering.render import Rendered, RenderInput, Site, render
from flashmail.rendering.template_files import PARTIALS, TEXT, TemplateKind, missing

RICH = Brief(
    title="Ministers Agree on “Open Rivers” & Shared Gauges",
    date=date(2026, 3, 17),
    sections=(
        Section(
            "Latest Developments",
            SectionKind.LATEST,
            (
                "Ministers of three countries agreed on March 16 to share the readings "
                "of **all** gauges along the river. The [text](https://example.org/a) "
                "is short.",
                "- Readings are exchanged every hour.",
                "- Alarms go to all three capitals at once.",
            ),
        ),
        Section("Expert Analysis", SectionKind.ANALYSIS),
        Section("Years of Talks", SectionKind.BACKGROUND, ("Talks began in 2011.",)),
    ),
    quotes=(
        Quote("What counts is *who* reads them.\nAnd when.", "Ana Ruiz", "Fellow"),
        Quote("It is a beginning.", "Tom O’Hara"),
    ),
    related=(
        Related("Who Owns a River", ("Ana Ruiz", "Li Wei"), "https://example.org/b"),
        Related("Gauges"),
    ),
    topics=("Rivers", "Energy & Water"),
)

#: As little as a brief can be.
BARE = Brief(title="Borders Reopen", date=date(2026, 3, 18))


def orders(kind: TemplateKind) -> list[tuple[Brief | None, dict[str, object]]]:
    """Return what templates of a kind have to bear: much, and hardly anything."""
    ample: dict[str, object] = {
        "briefs": (RICH, BARE),
        "groups": (
            {
                "topic": "Rivers",
                "briefs": (RICH,),
                "links": ("https://example.org/archive/1/rivers",),
            },
            {"topic": "", "briefs": (BARE,), "links": ("",)},
        ),
        "frequency": "weekly",
        "period": "March 16 to 22",
        "correction": "The readings are shared **daily**, not hourly.\n\nWe regret it.",
        "retraction": "We can **not** confirm that an agreement was signed.",
        "confirm_url": "https://example.org/confirm/0a",
        "never_url": "https://example.org/never/0a",
    }
    extra = {name: ample[name] for name in kind.extra}
    if kind.needs_brief:
        return [(RICH, extra), (BARE, extra)]
    return [(RICH, extra), (None, extra)]


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
        self._unsound: list[TemplateProblem] = []
        for file in files:
            if not file.startswith(f"{PARTIALS}/"):
                self._read(file)

    @property
    def sound(self) -> dict[str, str]:
        """Return the used files with Jinja that can be read."""
        return {file: self._files[file] for file in self._trees}

    def findings(self) -> Iterator[TemplateProblem]:
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
            self._unsound.append(TemplateProblem("error", file, error.lineno, message))
            return
        except (RecursionError, ValueError) as error:
            self._unsound.append(
                TemplateProblem("error", file, 0, f"cannot be read: {error}")
            )
            return
        self._trees[file] = tree
        for name in find_referenced_templates(tree):
            for key in (f"{self._template}/{name}", f"{name}"):
                if key in self._files:
                    self._read(key)

    def _in_names(self, file: str, tree: nodes.Template) -> Iterator[TemplateProblem]:
        """Yield names that nobody gives: neither we nor a file of the template."""
        for node in tree.find_all(nodes.Name):
            if node.ctx == "load" and node.name not in self._names | self._given:
                known = ", ".join(sorted(self._names))
                message = f"there is no {node.name!r}; there are: {known}"
                yield TemplateProblem("error", file, node.lineno, message)

    @cached_property
    def _given(self) -> frozenset[str]:
        """The names that the files themselves give to each other.

        Not asked of `jinja2.meta`, which compiles: that may take forever.
        """
        return frozenset().union(*map(_names_given, self._trees.values()), SPECIAL)

    def _in_filters(self, file: str, tree: nodes.Template) -> Iterator[TemplateProblem]:
        for node in tree.find_all(nodes.Filter):
            if node.name not in self._sandbox.filters:
                message = f"there is no filter {node.name!r}"
                message = WITHOUT_SAFE if node.name == "safe" else message
                yield TemplateProblem("error", file, node.lineno, message)


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


def check(order: RenderInput) -> list[TemplateProblem]:
    """Return all that is wrong with the order's template and what it includes.

    What the order says of a brief and more is of no account: samples take its place.
    """
    found = {
        TemplateProblem("error", order.template, 0, f"this template has no {part}")
        for part in missing(order.template, dict(order.files))
    }
    usage = Usage(order.template, order.files, order.kind.names)
    found |= set(usage.findings())
    for file, source in usage.sound.items():
        if file.endswith(".mjml"):
            found |= set(lint(file, without_jinja(source)))
    if not any(each.severity == "error" for each in found):
        found |= set(_in_samples(order))
    return sorted(found, key=lambda each: (each.file, each.line, each.message))


def _in_samples(order: RenderInput) -> Iterator[TemplateProblem]:
    """Render the template with much and with little, and look at what comes out."""
    for brief, extra in orders(order.kind):
        try:
            rendered = render(replace(order, brief=brief, extra=extra, urgent=False))
        except RenderError as error:
            file = error.file or order.template
            yield TemplateProblem("error", file, error.line, error.message)
            return
        yield from _in_mail(order, rendered)


def _in_mail(order: RenderInput, rendered: Rendered) -> Iterator[TemplateProblem]:
    document = Document(rendered.message.html)
    if any("alt" not in picture for picture in document.pictures):
        yield TemplateProblem("error", order.template, 0, "a picture has no alt")
    if not document.language:
        message = 'the html does not say its language: <mjml lang="{{ lang }}">'
        yield TemplateProblem("warning", order.template, 0, message)
    unsubscribe = Links(order.site.base_url).unsubscribe()
    if order.kind.mailing and unsubscribe not in rendered.message.text.splitlines():
        message = "unsubscribe_url does not stand on a line of its own"
        yield TemplateProblem("warning", f"{order.template}/{TEXT}", 0, message)


NOTHING: Mapping[str, object] = MappingProxyType({})


class Renderer:
    """Renders with the templates of some folders, of which the first that has one wins.

    Files are read again for each mail, so that a change of a template is seen at once.
    """

    def __init__(self, folders: Sequence[Path], site: Site) -> None:
        self._folders, self._site = tuple(folders), site

    def names(self) -> list[str]:
        """Return the names of all templates."""
        return template_files.names(self._folders)

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

        `extra` are the names that only its kind is given; see `template_files`.
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

    def check(self, name: str) -> list[TemplateProblem]:
        """Return what is wrong with a template, by file and line."""
        return check(self._order(name))

    def _order(self, template: str) -> RenderInput:
        files = template_files.sources(self._folders, template)
        return RenderInput(template, files, self._site)


ADDRESS = "reader@example.com"

#: The token of no delivery: links in a preview lead nowhere.
NO_TOKEN = "0" * TOKEN_WIDTH

SAMPLE = {
    "name": "Sample Reader",
    "first_name": "Sample",
    "address": ADDRESS,
    "because": "this brief's topics",
    TOKEN: NO_TOKEN,
    LEAVE: NO_TOKEN,
    BOUNCE: NO_TOKEN,
    WATCH: NO_TOKEN,
    PIXEL: NO_TOKEN,
}
