"""Render: a brief and a template become a message. Jinja, then MJML, then marks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flashmail.briefs.brief import Brief
from flashmail.errors import RenderError
from flashmail.links import Links
from flashmail.message import Message, fill
from flashmail.rendering import brief_values, expand, process, template_files
from flashmail.rendering.finish import finish, watched
from flashmail.rendering.html import destination
from flashmail.rendering.process import Job, RenderedPages
from flashmail.rendering.template_files import TemplateKind, kind_of


@dataclass(frozen=True)
class Site:
    """An installation; `base_url` has no slash at its end."""

    name: str
    postal_address: str
    base_url: str


#: Texts of several paragraphs of inline Markdown, as those of a brief are.
PARAGRAPHS = frozenset({"correction", "retraction"})


@dataclass(frozen=True)
class Rendered:
    """A message without its headers, and where its counted links lead, from 1 on.

    `mjml` is what the compiler was given, to be looked at.
    """

    message: Message
    destinations: tuple[str, ...]
    mjml: str


@dataclass(frozen=True)
class RenderInput:
    """All that a mail is made from; `files` are a template's and the partials."""

    template: str
    files: Mapping[str, str]
    site: Site
    brief: Brief | None = None
    urgent: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)
    tracked: bool = True

    @property
    def kind(self) -> TemplateKind:
        return kind_of(self.template)

    @property
    def counted(self) -> bool:
        """Whether opens and clicks are to be counted."""
        return self.tracked and self.kind.mailing


def render(order: RenderInput) -> Rendered:
    """Return the message; raise RenderError, with file and line, if it makes none."""
    _require(order)
    job, marks, own = _job(order)
    pages = process.expand(job)
    try:
        subject = _subject(pages, job.stem)
        counted = Links(order.site.base_url) if order.counted else None
        postal = brief_values.settled(order.site.postal_address)
        finished = finish(pages, own, job.stem, postal, counted)
        html = marks.marked(finished.html, pages.calls)
        return Rendered(
            Message(
                subject=subject,
                html=watched(html, counted) if counted else html,
                text=marks.marked(pages.text, pages.calls),
            ),
            finished.destinations,
            fill(marks.marked(pages.mjml, pages.calls), "[{}]".format),
        )
    except RenderError as error:
        raise RenderError(error.message, order.template) from error


def _require(order: RenderInput) -> None:
    """Refuse an order that lacks something, or brings what the kind has no use for."""
    kind, template, given = order.kind, order.template, frozenset(order.extra)
    lacking = template_files.missing(template, dict(order.files))
    if lacking:
        raise RenderError(f"this template has no {', '.join(lacking)}", template)
    if kind.needs_brief and order.brief is None:
        raise RenderError("this template shows a brief, and was given none", template)
    if given != kind.extra:
        names = ", ".join(sorted(kind.extra)) or "nothing more"
        raise RenderError(f"this template is given {names} besides the brief", template)


def _job(order: RenderInput) -> tuple[Job, expand.Marks, dict[str, str]]:
    """Return the job, what swaps its stand-ins, and our own addresses within it."""
    addresses = _addresses(order)
    page = _values(order, brief_values.html_form)
    text = _values(order, brief_values.as_text)
    files = dict(order.files)
    stem = expand.stem_of(json.dumps([order.template, files, page, text, addresses]))
    marks = expand.Marks(stem)
    own = {name: marks.unmarked(address) for name, address in addresses.items()}
    return Job(order.template, stem, files, page | own, text | own), marks, own


def _addresses(order: RenderInput) -> dict[str, str]:
    """Return the addresses of ours that the template may link to, by name."""
    links = Links(order.site.base_url)
    if not order.kind.mailing:
        named = {name: str(order.extra[name]) for name in order.kind.extra}
        for address in named.values():
            destination(fill(address, lambda name: "0"))
        return named
    return {
        "unsubscribe_url": links.unsubscribe(),
        "preferences_url": links.preferences(),
        # Both tell the reader: nothing of the kind where no counting is wanted.
        "view_url": links.view() if order.counted else "",
        "pixel_url": links.pixel() if order.counted else "",
    }


def _values(order: RenderInput, form: brief_values.Form) -> dict[str, Any]:
    """Return what the template may say, our own addresses aside."""
    site = {name: brief_values.settled(text) for name, text in vars(order.site).items()}
    values = {"site": site, "lang": "en", "urgent": order.urgent}
    values["brief"] = brief_values.value(order.brief, form)
    for name in order.kind.extra if order.kind.mailing else ():
        given = order.extra[name]
        if name in PARAGRAPHS:
            values[name] = brief_values.blocks(_lines(name, given), form)
        else:
            values[name] = brief_values.value(given, form)
    return values


def _lines(name: str, given: object) -> list[str]:
    if not isinstance(given, str):
        raise RenderError(f"{name} is a text")
    return [each for each in given.splitlines() if each.strip()]


def _subject(pages: RenderedPages, stem: str) -> str:
    subject = pages.subject
    if not subject:
        raise RenderError("the subject is empty")
    if brief_values.settled(subject) != subject:
        raise RenderError("a subject is one line, without control characters")
    if stem in subject:
        raise RenderError("a subject is the same for everybody: no links in it")
    return subject
