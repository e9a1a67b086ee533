"""A brief read from Markdown, as flashmail wrote it or an editor changed it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, zip_longest

from flashmail.briefs import lines as headings
from flashmail.briefs.attribution import LEADING_DASH, read_signature, write_signature
from flashmail.briefs.brief import Brief, ParseWarning, Quote, Section, SectionKind
from flashmail.briefs.front_matter import Front, read_front, write_front
from flashmail.briefs.lines import TextLine, is_item, marked
from flashmail.briefs.topic_tags import Vocabulary
from flashmail.errors import BriefError

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


def read_paragraphs(lines: Sequence[TextLine]) -> Iterator[str]:
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


HEADING = re.compile(r"#{1,6}(?:\s+(?P<text>.*))?")

#: Hyphens and en dashes mark items, too; they sign only at a quote's very end.
SURE_DASHES = ("—", "―", "--")


def is_markdown(text: str) -> bool:
    """Say whether a text begins with front matter."""
    return text.lstrip().split("\n", 1)[0].rstrip() == FENCE


def read_markdown(text: str, vocabulary: Vocabulary) -> Brief:
    """Read front matter, sections and quotes."""
    lines = text.split("\n")
    begin = next(n for n, line in enumerate(lines) if line.strip()) + 1
    ends = (n for n in range(begin, len(lines)) if lines[n].rstrip() == FENCE)
    end = next(ends, None)
    if end is None:
        message = f"the front matter that begins here has no end; put {FENCE!r} below"
        raise BriefError(f"line {begin}: {message}")
    front = read_front("\n".join(lines[begin:end]), begin + 1, vocabulary)
    body = _Body(doubts=front.doubts)
    for line_kind, group in groupby(_lines(lines, end + 1), _line_kind):
        body.take(line_kind, list(group))
    return _brief(front, body, begin)


def _brief(front: Front, body: "_Body", line: int) -> Brief:
    if not front.title:
        raise BriefError(f"line {line}: there is no title; add 'title: …' below")
    if not front.dated:
        example = "'date: 2026-04-23'"
        raise BriefError(f"line {line}: there is no date; add one, as in {example}")
    sections = tuple(
        Section(heading, kind, tuple(paragraphs))
        for heading, kind, paragraphs in body.sections
    )
    return Brief(
        title=front.title,
        date=front.dated.date,
        sections=sections,
        quotes=tuple(body.quotes),
        related=tuple(front.related),
        topics=tuple(front.topics),
        doubts=tuple(body.doubts),
        embargo=front.embargo,
    )


@dataclass
class _Body:
    """What has been read below the front matter so far."""

    doubts: list[ParseWarning]
    sections: list[tuple[str, SectionKind, list[str]]] = field(default_factory=list)
    quotes: list[Quote] = field(default_factory=list)

    def take(self, line_kind: str, lines: list[TextLine]) -> None:
        """Read neighbouring lines of one kind."""
        if line_kind == "#":
            self.sections += [(*_read_heading(line.text), []) for line in lines]
        elif line_kind == ">":
            self._take_quotes(lines)
        else:
            self._take_paragraphs(lines)

    def _take_paragraphs(self, lines: list[TextLine]) -> None:
        paragraphs = list(read_paragraphs(lines))
        if paragraphs and not self.sections:
            message = f"no heading above this; it was read as {headings.LATEST!r}"
            self.doubts.append(ParseWarning(lines[0].number, message))
            self.sections.append((headings.LATEST, SectionKind.LATEST, []))
        if paragraphs:
            self.sections[-1][2].extend(paragraphs)

    def _take_quotes(self, lines: list[TextLine]) -> None:
        """Read blockquotes: a signature closes one, so does a blank line outside."""
        for block in _split_apart(lines):
            words: list[TextLine] = []
            for line, below in zip_longest(block, block[1:]):
                if _signs(line, below):
                    self._quote(words, line)
                    words = []
                else:
                    words.append(line)
            if words:
                self._quote(words, None)

    def _quote(self, words: Sequence[TextLine], signing: TextLine | None) -> None:
        text = "\n\n".join(read_paragraphs(words))
        who = LEADING_DASH.sub("", signing.text, count=1) if signing else ""
        person, role, doubt = read_signature(who)
        self.quotes.append(Quote(text, person, role))
        if not signing:
            doubt = "a quote without a name; close it with '> — Person, Role'"
        if doubt:
            self.doubts.append(ParseWarning((signing or words[0]).number, doubt))


def _split_apart(lines: Sequence[TextLine]) -> Iterator[list[TextLine]]:
    """Return the insides of blockquotes, one for each that stands by itself."""
    block: list[TextLine] = []
    apart = False
    for line in lines:
        if line.apart and block:
            yield block
            block = []
        text = line.text[1:].strip()
        if text:
            block.append(TextLine(line.number, text, apart))
        apart = not text
    if block:
        yield block


def _signs(line: TextLine, below: TextLine | None) -> bool:
    if below is None:
        return bool(LEADING_DASH.match(line.text))
    return below.apart and line.text.startswith(SURE_DASHES)


def _lines(lines: Sequence[str], begin: int) -> Iterator[TextLine]:
    apart = True
    for number, raw in enumerate(lines[begin:], start=begin + 1):
        text = raw.strip()
        if text:
            yield TextLine(number, text, apart)
        apart = not text


def _line_kind(line: TextLine) -> str:
    if HEADING.fullmatch(line.text):
        return "#"
    return ">" if line.text.startswith(">") else ""


def _read_heading(text: str) -> tuple[str, SectionKind]:
    match = HEADING.fullmatch(text)
    heading = (match["text"] or "") if match else text
    before, _, last = heading.rpartition(" ")
    if last in KIND:
        return before.strip(), KIND[last]
    return heading, headings.kind_of(heading)
