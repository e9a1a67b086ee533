"""What is wrong in the MJML of a template's file, found without rendering it."""

from collections.abc import Iterator

from flashmail.rendering import vocabulary
from flashmail.rendering.destinations import destination, is_untouched
from flashmail.rendering.errors import RenderError
from flashmail.rendering.flaw import Flaw
from flashmail.rendering.mjml import DEEPEST
from flashmail.rendering.tags import Tag, tags

#: Stands in a source where Jinja writes something; see `check.without_jinja`.
WRITTEN = "\ufffc"

#: A link may lead anywhere that holds these when the mail is made.
LINKING = ("href",)
LOADING = ("src", "background-url", "thumbnails-src", "icon-wrapped-url")


def lint(file: str, source: str) -> Iterator[Flaw]:
    """Yield what is wrong with a file of MJML, whole or a part of one."""
    within: list[str] = []
    try:
        for tag in tags(source):
            if tag.closes:
                _leave(within, tag.name)
                continue
            for message in _errors(tag, within):
                yield Flaw("error", file, tag.line, message)
            for message in _warnings(tag):
                yield Flaw("warning", file, tag.line, message)
            if not tag.is_empty:
                within.append(tag.name)
            if len(within) == DEEPEST + 1:
                message = f"tags are nested deeper than {DEEPEST}"
                yield Flaw("error", file, tag.line, message)
    except RenderError as error:
        yield Flaw("error", file, error.line, error.message)


def _leave(within: list[str], name: str) -> None:
    """Close a tag; one that was never opened is for the compiler to refuse."""
    if name in within:
        while within.pop() != name:
            pass


def _errors(tag: Tag, within: list[str]) -> Iterator[str]:
    yield from _of_mjml(tag, within)
    if tag.name in vocabulary.PICTURES and tag.attribute("alt") is None:
        yield f'<{tag.name}> has no alt; alt="" if it only decorates'
    for name in LINKING:
        address = tag.attribute(name)
        if address is not None and WRITTEN not in address:
            yield from _of_link(address)


def _of_mjml(tag: Tag, within: list[str]) -> Iterator[str]:
    parent = within[-1] if within else ""
    if any(vocabulary.holds_html(each) for each in within):
        if tag.name.startswith("mj-"):
            yield f"<{tag.name}> cannot stand in <{parent}>"
    elif tag.name in vocabulary.WITHOUT:
        yield f"<{tag.name}>: {vocabulary.WITHOUT[tag.name]}"
    elif "mj-attributes" in within:
        if tag.name not in {"mj-all", "mj-class"}:
            yield from _unknown(tag)
    elif not vocabulary.is_known(tag.name):
        yield from _unknown_tag(tag, parent)
    else:
        yield from _unknown(tag)
        if not vocabulary.holds(parent, tag.name):
            yield f"<{tag.name}> cannot stand in <{parent}>"


def _unknown_tag(tag: Tag, parent: str) -> Iterator[str]:
    if tag.name.startswith("mj"):
        yield f"there is no tag <{tag.name}>"
    elif parent:
        yield f"<{tag.name}> is html: it belongs into mj-text, mj-table or mj-raw"


def _unknown(tag: Tag) -> Iterator[str]:
    if not vocabulary.is_known(tag.name):
        yield f"there is no tag <{tag.name}>"
        return
    for name, _ in tag.attributes:
        if not vocabulary.takes(tag.name, name):
            yield f"<{tag.name}> takes no {name}"


def _of_link(address: str) -> Iterator[str]:
    try:
        if not is_untouched(address):
            destination(address)
    except RenderError as error:
        yield error.message


def _warnings(tag: Tag) -> Iterator[str]:
    for name in LINKING + LOADING:
        if (tag.attribute(name) or "").startswith("http:"):
            yield f"{name} leads over http, which anybody can read; use https"
    if tag.name == "mj-font":
        yield "a font from elsewhere is not loaded: it would tell who reads"
    if tag.name == "mj-social-element" and not tag.attribute("src"):
        yield "its icon comes from another host; name one of your own in src"
