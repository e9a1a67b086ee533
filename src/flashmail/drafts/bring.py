"""Bring: a pasted text, a Word document or a page of the web becomes a draft."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlmodel import Session

from flashmail import briefs
from flashmail.briefs import Brief, BriefError, Section, SectionKind, headings
from flashmail.briefs.decode import decode
from flashmail.drafts import desk
from flashmail.drafts.docx import is_docx, text_of_docx
from flashmail.drafts.errors import CannotBring
from flashmail.drafts.hypertext import text_of_page
from flashmail.fetch import CannotFetch, Fetcher, guarded

#: What an uploaded file may weigh, in bytes.
LARGEST_PAGE = 5_000_000


@dataclass(frozen=True)
class Source:
    """What somebody gave: a text, a file or an address; nothing for a blank brief.

    `title` and `date` help where the text has none.
    """

    text: str = ""
    url: str = ""
    title: str = ""
    date: str = ""
    data: bytes = b""
    name: str = ""

    def with_file(self, name: str, data: bytes) -> "Source":
        """Return the source with an uploaded file in it."""
        if len(data) > LARGEST_PAGE:
            most = f"{LARGEST_PAGE // 1_000_000} MB"
            raise CannotBring(f"{name} is larger than {most}: leave its pictures out")
        return replace(self, name=name, data=data)


def begin_from(
    session: Session,
    source: Source,
    *,
    who: str,
    now: datetime,
    fetch: Fetcher = guarded,
) -> int:
    """Begin a draft from what was given; raise CannotBring where it cannot be read."""
    original = text_of(source, fetch=fetch)
    if not original.strip():
        blank = briefs.write_markdown(_blank(source, now.date()))
        return desk.begin(session, blank, who=who, now=now)
    brief = _understood(session, _with_head(original, source))
    return desk.begin(
        session,
        briefs.write_markdown(replace(brief, doubts=())),
        who=who,
        now=now,
        original=_with_head(original, source),
        doubts=brief.doubts,
    )


def text_of(source: Source, *, fetch: Fetcher = guarded) -> str:
    """Return what was given as text, in the form in which briefs are published."""
    if source.data and is_docx(source.data):
        return text_of_docx(source.data)
    if source.data:
        return _decoded(source.data)
    if source.url.strip():
        return _fetched(source.url.strip(), fetch)
    return source.text


def _fetched(url: str, fetch: Fetcher) -> str:
    try:
        page = fetch(url)
    except CannotFetch as error:
        raise CannotBring(f"{error} Paste the text instead.") from error
    if page.status >= 400:
        raise CannotBring(f"{url} answered {page.status}. Paste the text instead.")
    if "html" not in page.kind:
        return _decoded(page.body)
    return text_of_page(page.body, page.charset)


def _decoded(data: bytes) -> str:
    try:
        return decode(data)[0]
    except BriefError as error:
        raise CannotBring(f"This cannot be read: {error}") from error


def _understood(session: Session, text: str) -> Brief:
    try:
        return briefs.read(text, topics=desk.topics(session), name="text")
    except BriefError as error:
        problem = str(error).removeprefix("text: ")
        raise CannotBring(f"This cannot be read as a brief: {problem}") from error


def _with_head(text: str, source: Source) -> str:
    """Put the date and the title above the text that somebody gave besides it."""
    head = [each.strip() for each in (source.date, source.title) if each.strip()]
    return "\n".join([*head, text])


def _blank(source: Source, today: date) -> Brief:
    return Brief(
        title=source.title.strip() or "Untitled",
        date=today,
        sections=(
            Section(headings.LATEST, SectionKind.LATEST),
            Section(headings.ANALYSIS, SectionKind.ANALYSIS),
            Section("Background", SectionKind.BACKGROUND),
        ),
    )
