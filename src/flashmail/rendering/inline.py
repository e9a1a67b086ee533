"""Inline Markdown: links, emphasis and strong, as html or as plain text."""

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from flashmail.rendering.destinations import destination, is_untouched

SCHEMES = {"http", "https", "mailto", "tel"}
RULES = ["emphasis", "link", "autolink", "escape", "entity"]


def as_html(text: str) -> str:
    """Return a paragraph as html that holds nothing but `a`, `em` and `strong`."""
    _tokens(text)
    return nh3.clean(
        _markdown.renderInline(text),
        tags={"a", "em", "strong"},
        attributes={"a": {"href"}},
        url_schemes=SCHEMES,
        link_rel=None,
    )


def as_text(text: str) -> str:
    """Return a paragraph as one reads it; a link's address follows in brackets."""
    parts: list[str] = []
    opened: list[tuple[int, str]] = []
    for token in _tokens(text):
        if token.type == "link_open":
            opened.append((len(parts), str(token.attrs["href"])))
        elif token.type == "link_close":
            start, href = opened.pop()
            said = "".join(parts[start:])
            if href.removeprefix("mailto:") != said:
                parts.append(f" ({href})")
        else:
            parts.append(token.content)
    return "".join(parts)


def _tokens(text: str) -> list[Token]:
    """Read a paragraph; raise RenderError for a link that no mail may have."""
    tokens = _markdown.parseInline(text)[0].children or []
    for token in tokens:
        href = str(token.attrs.get("href", "")) if token.type == "link_open" else ""
        if token.type == "link_open" and not is_untouched(href):
            destination(href)
    return tokens


def _reader() -> MarkdownIt:
    markdown = MarkdownIt("zero", {"html": False}).enable(RULES)
    # Every link is read as one, so that a wrong one is refused and not shown as text.
    markdown.validateLink = lambda url: True  # type: ignore[method-assign]
    return markdown


_markdown = _reader()
