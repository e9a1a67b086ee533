"""Briefs as plain values: all that a template ever gets to see of them."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from flashmail.briefs.brief import Brief, Quote, Section, SectionKind
from flashmail.errors import RenderError
from flashmail.rendering.html import destination, is_untouched
from flashmail.rendering.process import Html

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

#: One paragraph of inline Markdown in the form that a page needs.
Form = Callable[[str], str]

MONTHS = (
    "January February March April May June July August September October November "
    "December"
)

#: What MJML refuses, what turns the text behind it around, and halves of characters.
UNUSABLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)

#: Spaces that a line may be broken at, and ends of lines; no-break spaces stay.
SPACES = re.compile(r"[ \t-\r\x1c-\x1f\x85\u2028\u2029]+")

SENTENCE = re.compile(r".{20,}?[.!?][”\"’)]*(?=\s+[“\"‘(]?[^\W\d_a-z])")

LONGEST_OPENING = 180


def html_form(text: str) -> str:
    return Html(as_html(text))


def settled(text: str) -> str:
    """Return a text on one line, without characters that no mail can hold."""
    return SPACES.sub(" ", UNUSABLE.sub("", text)).strip()


def value(thing: object, form: Form) -> Any:
    """Return the plain value of a brief, of a text, or of several under names."""
    if isinstance(thing, str):
        return settled(thing)
    if isinstance(thing, Brief):
        return brief_value(thing, form)
    if isinstance(thing, Mapping):
        return {name: value(each, form) for name, each in thing.items()}
    if isinstance(thing, Sequence):
        return [value(each, form) for each in thing]
    if thing is None:
        return None
    raise RenderError(f"templates are given texts and briefs, not {type(thing)!r}")


def brief_value(brief: Brief, form: Form) -> Mapping[str, Any]:
    """Return a brief, its quotes within the section that they belong to."""
    latest = _paragraphs(brief, SectionKind.LATEST) or _paragraphs(brief, None)
    month = MONTHS.split()[brief.date.month - 1]
    return {
        "title": settled(brief.title),
        "date": f"{month} {brief.date.day}, {brief.date.year}",
        "iso_date": brief.date.isoformat(),
        "topics": [settled(topic) for topic in brief.topics],
        "opening": opening(latest[0]) if latest else "",
        "latest": blocks(latest, form),
        "sections": _sections(brief, form),
        "experts": list_in_words([settled(each.person) for each in brief.quotes]),
        "related": [
            {
                "title": settled(each.title),
                "authors": list_in_words([settled(who) for who in each.authors]),
                "url": each.url.strip(),
            }
            for each in brief.related
        ],
    }


def blocks(paragraphs: Sequence[str], form: Form) -> list[dict[str, Any]]:
    """Return paragraphs and lists; `- ` begins an item of a list."""
    grouped = groupby(paragraphs, lambda each: each.startswith("- "))
    found: list[dict[str, Any]] = []
    for is_list, group in grouped:
        words = [form(settled(each.removeprefix("- "))) for each in group]
        if is_list:
            found.append({"kind": "list", "entries": words})
        else:
            found += [{"kind": "paragraph", "words": each} for each in words]
    return found


def opening(paragraph: str) -> str:
    """Return a paragraph's first sentence, for the line that inboxes preview."""
    text = as_text(settled(paragraph).removeprefix("- "))
    match = SENTENCE.match(text)
    sentence = match[0] if match else text
    if len(sentence) <= LONGEST_OPENING:
        return sentence
    return sentence[:LONGEST_OPENING].rsplit(" ", 1)[0] + "…"


def list_in_words(names: Sequence[str]) -> str:
    """Return `A`, `A and B` or `A, B and C`."""
    *others, last = [name for name in names if name] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _sections(brief: Brief, form: Form) -> list[dict[str, Any]]:
    quotes = [_quote(each, form) for each in brief.quotes]
    found = []
    for section in _with_place_for_quotes(brief):
        analysis = section.kind is SectionKind.ANALYSIS
        words = blocks(section.paragraphs, form)
        theirs, quotes = (quotes, []) if analysis else ([], quotes)
        if words or theirs:
            heading = settled(section.heading)
            found.append({"heading": heading, "blocks": words, "quotes": theirs})
    return found


def _with_place_for_quotes(brief: Brief) -> list[Section]:
    """Add the section that quotes stand in, after the news, where there is none."""
    sections = list(brief.sections)
    kinds = [section.kind for section in sections]
    if brief.quotes and SectionKind.ANALYSIS not in kinds:
        news = [i for i, kind in enumerate(kinds) if kind is SectionKind.LATEST]
        place = news[-1] + 1 if news else len(sections)
        sections.insert(place, Section("Expert Analysis", SectionKind.ANALYSIS))
    return sections


def _quote(quote: Quote, form: Form) -> dict[str, Any]:
    return {
        "paragraphs": [
            form(settled(each)) for each in quote.text.splitlines() if each.strip()
        ],
        "person": settled(quote.person),
        "role": settled(quote.role),
    }


def _paragraphs(brief: Brief, kind: SectionKind | None) -> list[str]:
    return [
        paragraph
        for section in brief.sections
        if kind is None or section.kind is kind
        for paragraph in section.paragraphs
    ]
