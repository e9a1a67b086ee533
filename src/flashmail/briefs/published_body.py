"""The middle of a published text: sections, quotes and stray related reading."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from flashmail.briefs import attribution
from flashmail.briefs import lines as headings
from flashmail.briefs.attribution import Signature, clean_title, read_related
from flashmail.briefs.brief import ParseWarning, Quote, Related, Section, SectionKind
from flashmail.briefs.lines import TextLine, marked, without_mark

UNSIGNED = "a quote without a name; close it with '— Person, Role'"

IMPLIED = f"no heading stands above this; it was read as {headings.LATEST!r}"

ELSEWHERE = f"a signed quote outside {headings.ANALYSIS!r}"


class Body(NamedTuple):
    """What the middle says."""

    sections: tuple[Section, ...]
    quotes: tuple[Quote, ...]
    related: list[Related]
    doubts: list[ParseWarning]


def read_body(lines: Sequence[TextLine]) -> Body:
    """Read sections and quotes; every line ends up in one of them."""
    split = [part for line in lines for part in headings.split_known(line)]
    page = _BodyParser()
    for line, below in zip_longest(split, split[1:]):
        page.take(line, below)
    page.release()
    return page.finished()


@dataclass
class _Open:
    """A section that is still being read."""

    heading: str
    kind: SectionKind
    paragraphs: list[str] = field(default_factory=list)


@dataclass
class _BodyParser:
    """What has been read so far; `held` are lines before their attribution."""

    sections: list[_Open] = field(default_factory=list)
    quotes: list[Quote] = field(default_factory=list)
    related: list[Related] = field(default_factory=list)
    doubts: list[ParseWarning] = field(default_factory=list)
    held: list[TextLine] = field(default_factory=list)
    in_related: bool = False
    implied: bool = False

    def take(self, line: TextLine, below: TextLine | None) -> None:
        """Read one more line, with a look at the one below."""
        if (
            self._takes_signature(line)
            or self._takes_related(line)
            or self._takes_heading(line, below)
            or self._takes_listed(line)
            or self._takes_signed(line)
        ):
            return
        if self.held and not self._goes_on():
            self.release()
        if self.held or self._in_analysis() or _is_quoted(line.text):
            self.held.append(line)
        else:
            self._add(line)

    def release(self) -> None:
        """Let held lines be the paragraphs they are without a name."""
        held, self.held = self.held, []
        for line in held:
            self._add(line)
        if (
            held
            and self._in_analysis()
            and attribution.opens(without_mark(held[0].text))
        ):
            self.doubts.append(ParseWarning(held[0].number, UNSIGNED))

    def finished(self) -> Body:
        """Return all that was read; quotes always have a section to stand in."""
        if not self.sections and not self.quotes:
            self.doubts.append(ParseWarning(0, "there is nothing below the title"))
        sections = [
            Section(section.heading, section.kind, tuple(section.paragraphs))
            for section in self.sections
        ]
        if self.quotes and not any(s.kind is SectionKind.ANALYSIS for s in sections):
            message = f"no heading {headings.ANALYSIS!r} above the quotes; it was added"
            self.doubts.append(ParseWarning(0, message))
            after = sum(s.kind is SectionKind.LATEST for s in sections[:1])
            sections.insert(after, Section(headings.ANALYSIS, SectionKind.ANALYSIS))
        return Body(tuple(sections), tuple(self.quotes), self.related, self.doubts)

    def _takes_signature(self, line: TextLine) -> bool:
        """Take a line that only attributes what is held."""
        if not self.held:
            return False
        signed = attribution.own_line(line.text)
        if not signed and attribution.closes(self.held[-1].text):
            signed = attribution.own_line(line.text, dash=False)
            if signed and not signed.doubt:
                doubt = f"no dash before '{line.text}'; read as who said it"
                signed = signed._replace(doubt=doubt)
        if not signed:
            return False
        held, self.held = self.held, []
        self._quote([part.text for part in held], signed, line)
        return True

    def _takes_heading(self, line: TextLine, below: TextLine | None) -> bool:
        if headings.is_for_related(line.text):
            self.release()
            self.in_related = True
            return True
        heading = headings.read_heading(line, below)
        if heading is None:
            return False
        self.release()
        self.in_related = False
        self._start(heading)
        return True

    def _takes_related(self, line: TextLine) -> bool:
        reading = read_related(without_mark(line.text), strict=True)
        if reading:
            self.release()
            self.related.append(reading)
        return bool(reading)

    def _takes_listed(self, line: TextLine) -> bool:
        """Take whatever stands below a heading for related reading."""
        if self.in_related:
            text = without_mark(line.text)
            reading = read_related(text, strict=False)
            self.related.append(reading or Related(clean_title(text) or text))
        return self.in_related

    def _takes_signed(self, line: TextLine) -> bool:
        """Take a paragraph that ends with an attribution."""
        text = without_mark(line.text)
        continued = bool(self.held) and self._goes_on()
        if not (self._in_analysis() or attribution.opens(text)):
            return False
        signed = attribution.cut(text, quoted=self._in_analysis())
        if not signed:
            return False
        if not continued:
            self.release()
        held, self.held = self.held, []
        words = [part.text for part in held] + [signed.words]
        self._quote(words, signed.signature, line)
        return True

    def _quote(self, words: Sequence[str], signed: Signature, line: TextLine) -> None:
        paragraphs = [without_mark(text) for text in words]
        *first, last = paragraphs
        told = [*map(_without_opening, first), attribution.bare(last)]
        text = "\n\n".join(filter(None, told))
        self.quotes.append(Quote(text, signed.person, signed.role))
        if signed.doubt:
            self.doubts.append(ParseWarning(line.number, signed.doubt))
        if self.sections and not self._in_analysis():
            self.doubts.append(ParseWarning(line.number, ELSEWHERE))

    def _goes_on(self) -> bool:
        """Say whether what is held is a quote that has not been closed yet."""
        first, last = self.held[0].text, self.held[-1].text
        if not self._in_analysis() or not attribution.opens(without_mark(first)):
            return False
        if len(self.held) == 1:
            return attribution.left_open(without_mark(first))
        return not attribution.closes(last)

    def _in_analysis(self) -> bool:
        return bool(self.sections) and self.sections[-1].kind is SectionKind.ANALYSIS

    def _start(self, heading: str) -> None:
        kind = headings.kind_of(heading)
        if self.implied and len(self.sections) == 1 and kind is SectionKind.LATEST:
            self.sections[0].heading = heading
            return
        self.sections.append(_Open(heading, kind))

    def _add(self, line: TextLine) -> None:
        if not self.sections:
            self.implied = True
            self.sections.append(_Open(headings.LATEST, SectionKind.LATEST))
            self.doubts.append(ParseWarning(line.number, IMPLIED))
        self.sections[-1].paragraphs.append(marked(line.text))


def _is_quoted(text: str) -> bool:
    return attribution.opens(text) and attribution.closes(text)


def _without_opening(text: str) -> str:
    """Each paragraph of a long quote may be opened anew; only the last is closed."""
    return (
        text[1:].strip()
        if attribution.opens(text) and attribution.left_open(text)
        else text
    )
