"""What every mail must have, and what none may have."""

from collections.abc import Iterator

from flashmail.findings import Finding, blocking, warning
from flashmail.message import LEAVE, PIXEL, TOKEN_WIDTH, TOKENS, fields, mark
from flashmail.model import LinkState
from flashmail.preflight.facts import Facts, LinkFact
from flashmail.rendering.finish import LARGEST
from flashmail.rendering.html import Document
from flashmail.rendering.template_files import ATTRIBUTE, kind_of, knows_field

#: The mark of a reader's own way out; every address that ends a subscription has it.
WAY_OUT = mark(LEAVE)

#: How many letters of text there are at least for each picture.
TEXT_PER_PICTURE = 300

NOT_CHECKED = LinkFact(LinkState.ASKED)


def requirement_findings(facts: Facts, document: Document) -> Iterator[Finding]:
    """Yield what the mail itself lacks or has too much of."""
    yield from _ways_out(facts, document)
    yield from _postal(facts, document)
    yield from _size(facts)
    yield from _pictures(document)
    yield from _fields(facts)
    yield from _relative(document)
    for url in facts.destinations:
        yield from _link(url, facts)


def _ways_out(facts: Facts, document: Document) -> Iterator[Finding]:
    if not kind_of(facts.template).mailing:
        return
    if not any(WAY_OUT in link.address for link in document.links):
        yield blocking("unsubscribe", _lacks("html", "unsubscribe_url"), "html")
    if WAY_OUT not in facts.message.text:
        yield blocking("unsubscribe", _lacks("text", "unsubscribe_url"), "text")


def _postal(facts: Facts, document: Document) -> Iterator[Finding]:
    wanted = " ".join(facts.postal_address.split())
    for part, words in (("html", document.text), ("text", facts.message.text)):
        if wanted not in " ".join(words.split()):
            yield blocking("postal-address", _lacks(part, "site.postal_address"), part)


def _lacks(part: str, name: str) -> str:
    what = "a way to unsubscribe" if "unsubscribe" in name else "the postal address"
    return f"the {part} part lacks {what}: show {name} in the template"


def _size(facts: Facts) -> Iterator[Finding]:
    size = len(facts.message.html.encode())
    size += facts.message.html.count("\x01") * TOKEN_WIDTH
    if size > LARGEST:
        message = (
            f"the html has {size / 1000:.0f} KB, {LARGEST // 1000} KB is the most: "
            "Gmail cuts longer mails off; shorten the brief, or send it in two"
        )
        yield blocking("size", message, "html")


def _pictures(document: Document) -> Iterator[Finding]:
    shown = [
        each
        for each in document.pictures
        if (each.get("width"), each.get("height")) != ("1", "1")
    ]
    for each in shown:
        if "alt" not in each:
            message = 'a picture has no alternative text: add alt="…"'
            yield blocking("alt", message, f"picture {each.get('src', '')[:80]}")
    if shown and len(document.text) < TEXT_PER_PICTURE * len(shown):
        message = "there is little text beside the pictures, as in spam: say it in text"
        yield warning("image-heavy", message, "html")


def _fields(facts: Facts) -> Iterator[Finding]:
    kind = kind_of(facts.template)
    for part in ("html", "text"):
        for name in sorted(fields(getattr(facts.message, part)) - TOKENS - {PIXEL}):
            if not knows_field(kind, name):
                message = f"nobody has a field {name!r}: take it out of the template"
                yield blocking("merge-field", message, part)
            elif name.removeprefix(ATTRIBUTE) in facts.unknown_attributes:
                message = (
                    f"no subscriber has the attribute {name.removeprefix(ATTRIBUTE)!r},"
                    " which the template shows: mend its name, or bring it in"
                )
                yield blocking("attribute", message, part)


def _relative(document: Document) -> Iterator[Finding]:
    for link in document.links:
        if ":" not in link.address.split("/", 1)[0]:
            message = (
                f"the link {link.address[:80]!r} leads nowhere in a mail: begin it"
            )
            yield blocking("relative-link", f"{message} with https://", "html")


def _link(url: str, facts: Facts) -> Iterator[Finding]:
    fact = facts.links.get(url, NOT_CHECKED)
    where = facts.line(url) or f"link {url[:120]}"
    if fact.state is LinkState.DEAD:
        message = f"the link {url[:120]} is dead ({fact.note}): mend it or take it out"
        yield blocking("dead-link", message, where)
    elif fact.state is LinkState.ASKED:
        message = f"the link {url[:120]} has not been followed yet: try it yourself"
        yield warning("unchecked-link", message, where)
    elif fact.state is LinkState.UNSURE:
        message = f"the link {url[:120]} did not answer ({fact.note}): try it yourself"
        yield warning("unsure-link", message, where)
