"""Tags and words of html, in one pass: what is broken costs no more than what is not.

The standard library's parser takes the square of the length for some broken pages
(CVE-2025-6069), and pages come from elsewhere.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

#: Their inside is no html; it ends where their own end tag begins.
RAW = frozenset({"script", "style", "textarea", "title", "xmp", "noembed", "iframe"})

#: A longer tag is none: a quote was never closed.
LONGEST = 4_000

NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:-]*)")
ATTRIBUTE = re.compile(
    r"([a-zA-Z_:][\w:.-]{0,60})\s{0,20}=\s{0,20}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))"
)


class Token(NamedTuple):
    """A tag that opens or closes, by its name, or a text, by no name."""

    name: str
    text: str = ""  # the whole tag, or what is read
    closes: bool = False

    @property
    def attributes(self) -> dict[str, str]:
        return {
            name.lower(): unescape(double or single or bare)
            for name, double, single, bare in ATTRIBUTE.findall(self.text)
        }


def tokens(html: str) -> Iterator[Token]:
    """Yield tags and texts in their order; comments and declarations are left out."""
    small, at = html.lower(), 0
    while (start := html.find("<", at)) >= 0:
        if start > at:
            yield Token("", unescape(html[at:start]))
        if html.startswith(("<!", "<?"), start):
            at = _after_comment(html, start)
            continue
        named = NAME.match(html, start)
        if named is None:
            yield Token("", "<")
            at = start + 1
            continue
        at = _after_tag(html, start)
        token = Token(named[1].lower(), html[start:at], html.startswith("</", start))
        yield token
        if token.name in RAW and not token.closes:
            end = small.find(f"</{token.name}", at)
            at = len(html) if end < 0 else end
    if at < len(html):
        yield Token("", unescape(html[at:]))


def _after_comment(html: str, start: int) -> int:
    mark = "-->" if html.startswith("<!--", start) else ">"
    end = html.find(mark, start)
    return len(html) if end < 0 else end + len(mark)


def _after_tag(html: str, start: int) -> int:
    """Return where a tag ends: at the first ">" outside of quotes, if that is near."""
    quote = ""
    for place in range(start, min(len(html), start + LONGEST)):
        letter = html[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter == ">":
            return place + 1
        elif letter in "\"'" and html[place - 1] in "= \t\n":
            quote = letter
    end = html.find(">", start, start + LONGEST)
    return start + LONGEST if end < 0 else end + 1
