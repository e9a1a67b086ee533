"""Check: what is wrong with a template, before a reader finds it."""

from collections.abc import Iterator
from dataclasses import replace

from flashmail.links import Links
from flashmail.rendering.document import Document
from flashmail.rendering.errors import RenderError
from flashmail.rendering.flaw import Flaw
from flashmail.rendering.folders import TEXT, missing
from flashmail.rendering.lint import lint
from flashmail.rendering.render import Order, Rendered, render
from flashmail.rendering.sample import orders
from flashmail.rendering.usage import Usage, without_jinja


def check(order: Order) -> list[Flaw]:
    """Return all that is wrong with the order's template and what it includes.

    What the order says of a brief and more is of no account: samples take its place.
    """
    found = {
        Flaw("error", order.template, 0, f"this template has no {part}")
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


def _in_samples(order: Order) -> Iterator[Flaw]:
    """Render the template with much and with little, and look at what comes out."""
    for brief, extra in orders(order.kind):
        try:
            rendered = render(replace(order, brief=brief, extra=extra, urgent=False))
        except RenderError as error:
            file = error.file or order.template
            yield Flaw("error", file, error.line, error.message)
            return
        yield from _in_mail(order, rendered)


def _in_mail(order: Order, rendered: Rendered) -> Iterator[Flaw]:
    document = Document(rendered.message.html)
    if any("alt" not in picture for picture in document.pictures):
        yield Flaw("error", order.template, 0, "a picture has no alt")
    if not document.language:
        message = 'the html does not say its language: <mjml lang="{{ lang }}">'
        yield Flaw("warning", order.template, 0, message)
    unsubscribe = Links(order.site.base_url).unsubscribe()
    if order.kind.mailing and unsubscribe not in rendered.message.text.splitlines():
        message = "unsubscribe_url does not stand on a line of its own"
        yield Flaw("warning", f"{order.template}/{TEXT}", 0, message)
