"""The editor's form: a brief as fields, and fields as a brief. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import count, takewhile
from typing import Any

from flashmail import briefs
from flashmail.briefs import Brief, Quote, Related, Section, SectionKind
from flashmail.briefs import lines as headings
from flashmail.briefs.dates import NoSuchDay, read_date, read_moment
from flashmail.briefs.lines import TextLine, is_item
from flashmail.briefs.markdown import guarded, read_paragraphs, write_paragraph
from flashmail.errors import FormError, WrongInput

#: More fields of a kind than any brief has.
MOST = 200


@dataclass(frozen=True)
class SectionFields:
    heading: str = ""
    kind: str = SectionKind.BACKGROUND.value
    text: str = ""


@dataclass(frozen=True)
class QuoteFields:
    text: str = ""
    person: str = ""
    role: str = ""
    approver: str = ""  # the name typed as the approver, just now


@dataclass(frozen=True)
class RelatedFields:
    title: str = ""
    authors: str = ""
    url: str = ""


@dataclass(frozen=True)
class Form:
    """What the fields hold, as it was typed."""

    title: str = ""
    date: str = ""
    embargo: str = ""
    sections: tuple[SectionFields, ...] = ()
    quotes: tuple[QuoteFields, ...] = ()
    related: tuple[RelatedFields, ...] = ()
    topics: tuple[str, ...] = ()


ROWS = {"section": "sections", "quote": "quotes", "related": "related"}

BLANK: Mapping[str, Any] = {
    "section": SectionFields(),
    "quote": QuoteFields(),
    "related": RelatedFields(),
}


def form_of(brief: Brief) -> Form:
    """Return a brief as fields."""
    return Form(
        title=brief.title,
        date=brief.date.isoformat(),
        embargo=brief.embargo.isoformat(" ", "minutes") if brief.embargo else "",
        sections=tuple(
            SectionFields(each.heading, each.kind.value, _text_of(each.paragraphs))
            for each in brief.sections
        ),
        quotes=tuple(
            QuoteFields(_words_of(each), each.person, each.role)
            for each in brief.quotes
        ),
        related=tuple(
            RelatedFields(each.title, "; ".join(each.authors), each.url)
            for each in brief.related
        ),
        topics=brief.topics,
    )


def form_from(given: Mapping[str, str], topics: Iterable[str]) -> Form:
    """Return what a browser sent: `quote-2-person` is a field of the third quote."""
    return Form(
        title=given.get("title", ""),
        date=given.get("date", ""),
        embargo=given.get("embargo", ""),
        sections=tuple(
            SectionFields(*each)
            for each in _rows(given, "section", "heading", "kind", "text")
        ),
        quotes=tuple(
            QuoteFields(*each)
            for each in _rows(given, "quote", "text", "person", "role", "approver")
        ),
        related=tuple(
            RelatedFields(*each)
            for each in _rows(given, "related", "title", "authors", "url")
        ),
        topics=tuple(each for each in topics if each.strip()),
    )


def markdown_of(form: Form, topics: Collection[str] = ()) -> str:
    """Return the fields as Markdown, cleaned; raise FormError for what cannot be."""
    brief = Brief(
        title=_title(form),
        date=_date(form),
        sections=tuple(_section(each) for each in form.sections if _says(each)),
        quotes=tuple(
            Quote(
                "\n\n".join(_paragraphs(each.text)),
                _line(each.person),
                _line(each.role),
            )
            for each in form.quotes
            if each.text.strip() or each.person.strip()
        ),
        related=tuple(
            Related(_line(each.title), _authors(each.authors), _line(each.url))
            for each in form.related
            if each.title.strip() or each.url.strip()
        ),
        topics=tuple(dict.fromkeys(map(_line, form.topics))),
        embargo=_embargo(form),
    )
    # Read back once: whatever no brief may hold is gone, and the rest is as it stays.
    read = briefs.read(briefs.write_markdown(brief), topics=topics)
    return briefs.write_markdown(replace(read, doubts=()))


def quote_of(fields: QuoteFields) -> Quote:
    """Return the quote that its fields hold."""
    words = "\n\n".join(_paragraphs(fields.text))
    return Quote(words, _line(fields.person), _line(fields.role))


def rearranged(form: Form, wish: str) -> Form:
    """Return the form after `drop quote 1`, `up section 2` or `add related`.

    Any other wish changes nothing, nor does one about a row that is not there.
    """
    verb, kind, number = (*wish.split(), "", "", "")[:3]
    name = ROWS.get(kind, "")
    if not name:
        return form
    rows = list(getattr(form, name))
    at = int(number) if number.isdecimal() and len(number) < 4 else -1
    if verb == "add":
        rows.append(BLANK[kind])
    elif verb == "drop" and 0 <= at < len(rows):
        del rows[at]
    elif verb == "up" and 0 < at < len(rows):
        rows[at - 1 : at + 1] = [rows[at], rows[at - 1]]
    changed: dict[str, Any] = {name: tuple(rows)}
    return replace(form, **changed)


def _rows(given: Mapping[str, str], kind: str, *names: str) -> list[tuple[str, ...]]:
    """Return the fields of one kind, row by row, up to the first that is missing."""
    numbers = takewhile(
        lambda n: n < MOST and any(f"{kind}-{n}-{name}" in given for name in names),
        count(),
    )
    return [
        tuple(given.get(f"{kind}-{n}-{name}", "") for name in names) for n in numbers
    ]


def _says(section: SectionFields) -> bool:
    return bool(section.heading.strip() or section.text.strip())


def _section(fields: SectionFields) -> Section:
    heading = _line(fields.heading)
    known = {kind.value for kind in SectionKind}
    kind = SectionKind(fields.kind) if fields.kind in known else None
    return Section(
        heading, kind or headings.kind_of(heading), tuple(_paragraphs(fields.text))
    )


def _title(form: Form) -> str:
    if not (title := _line(form.title)):
        raise FormError("title", "A brief needs a title.")
    return title


def _date(form: Form) -> date:
    try:
        dated = read_date(form.date)
    except NoSuchDay as error:
        raise FormError("date", f"{form.date!r} is no day: {error}.") from error
    if dated is None:
        raise FormError("date", "A brief needs a date, as in 2026-04-23.")
    return dated.date


def _embargo(form: Form) -> datetime | None:
    try:
        return read_moment(form.embargo) if form.embargo.strip() else None
    except WrongInput as error:
        raise FormError("embargo", f"{error}.") from error


def _authors(text: str) -> tuple[str, ...]:
    return tuple(each for each in map(_line, text.split(";")) if each)


def _line(text: str) -> str:
    return " ".join(text.split())


def _paragraphs(text: str) -> list[str]:
    """Read a field of several paragraphs: a blank line or `- ` begins a new one."""
    lines, apart = [], True
    for number, raw in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if tidy := _line(raw):
            lines.append(TextLine(number, tidy, apart))
        apart = not tidy
    return list(read_paragraphs(lines))


def _words_of(quote: Quote) -> str:
    return "\n\n".join(guarded(each) for each in quote.text.split("\n") if each)


def _text_of(paragraphs: Iterable[str]) -> str:
    """Write paragraphs into a field, the items of a list below each other."""
    text, was_item = "", False
    for each in paragraphs:
        item = is_item(each)
        glue = "" if not text else "\n" if item and was_item else "\n\n"
        text += glue + write_paragraph(each)
        was_item = item
    return text
