"""A brief written as Markdown: the form flashmail keeps and editors edit.

Front matter holds title, date, topics and related reading. Sections follow, each
below a '##' heading, and the quotes as blockquotes that '> — Person, Role' closes.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from flashmail.briefs import headings
from flashmail.briefs.brief import Brief, Quote, Section, SectionKind
from flashmail.briefs.front import write_front
from flashmail.briefs.items import is_item
from flashmail.briefs.paragraphs import guarded, write_paragraph
from flashmail.briefs.signature import write_signature

FENCE = "---"

#: What a section is for, where its heading does not tell.
KIND = {f"{{.{kind}}}": kind for kind in SectionKind}


def write_markdown(brief: Brief) -> str:
    """Return the brief as Markdown; reading it gives an equal one, without doubts."""
    blocks = []
    quotes = [_quote(quote) for quote in brief.quotes]
    for section in brief.sections:
        blocks += [_heading(section), *_paragraphs(section.paragraphs)]
        if section.kind is SectionKind.ANALYSIS:
            blocks += quotes
            quotes = []
    body = "".join(f"\n{block}\n" for block in (*blocks, *quotes))
    return f"{FENCE}\n{write_front(brief)}{FENCE}\n{body}"


def _heading(section: Section) -> str:
    heading = f"## {section.heading}".rstrip()
    last = heading.rsplit(" ", 1)[-1]
    if section.heading and headings.kind_of(section.heading) is section.kind:
        return heading if last not in KIND else f"{heading} {{.{section.kind}}}"
    return f"{heading} {{.{section.kind}}}"


def _paragraphs(paragraphs: Iterable[str]) -> Iterator[str]:
    """Write the items of a list below each other, all else apart."""
    for items, group in groupby(map(write_paragraph, paragraphs), is_item):
        if items:
            yield "\n".join(group)
        else:
            yield from group


def _quote(quote: Quote) -> str:
    blocks = [guarded(text) for text in quote.text.split("\n") if text]
    if quote.person or quote.role:
        blocks.append(f"— {write_signature(quote.person, quote.role)}")
    return "\n>\n".join(f"> {block}" for block in blocks)
