"""Paragraphs in Markdown: how they begin, and how to keep them from beginning so."""

import re
from collections.abc import Iterator, Sequence

from flashmail.briefs.items import is_item, marked
from flashmail.briefs.lines import Line

#: How lines begin that are not simply text: headings, quotes, items, signatures,
#: rules. One backslash before it makes it text again.
SPECIAL = re.compile(
    r"(?P<slashes>\\*)(?:#{1,6}(?:\s|$)|[>•‣◦▪●∙·—―–‒−]|[-+*](?:\s|$)|--"
    r"|(?:\*{3,}|_{3,})$)"
)
NUMBERED = re.compile(r"(?P<number>\d+)(?P<slashes>\\*)[.)](?=\s|$)")
RULE = re.compile(r"(?:-{3,}|\*{3,}|_{3,})$")


def guarded(text: str) -> str:
    """Return the text so that reading takes it for text, whatever it begins with."""
    match = SPECIAL.match(text) or NUMBERED.match(text)
    if not match:
        return text
    return text[: match.end("slashes")] + "\\" + text[match.end("slashes") :]


def unguarded(text: str) -> str:
    """Return the text without the backslash that guarded its beginning."""
    match = SPECIAL.match(text) or NUMBERED.match(text)
    if not match or not match["slashes"]:
        return text
    return text[: match.start("slashes")] + text[match.start("slashes") + 1 :]


def write_paragraph(text: str) -> str:
    """Write a paragraph of a section; an item stays one."""
    return text if is_item(text) and marked(text) == text else guarded(text)


def read_paragraphs(lines: Sequence[Line]) -> Iterator[str]:
    """Join lines to paragraphs: a blank line or an item's mark begins a new one."""
    parts: list[str] = []
    for line in lines:
        item = is_item(line.text)
        if parts and (line.apart or item):
            yield " ".join(parts)
            parts = []
        if not RULE.match(line.text):
            parts.append(marked(line.text) if item else unguarded(line.text))
    if parts:
        yield " ".join(parts)
