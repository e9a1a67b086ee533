"""Bring: a pasted text, a Word document or a page of the web becomes a draft."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from io import BytesIO
from zipfile import BadZipFile, ZipFile

import mammoth
from sqlmodel import Session

from flashmail import briefs
from flashmail.briefs import Brief, BriefError, Section, SectionKind, lines
from flashmail.briefs.decoding import decode
from flashmail.drafts import editing
from flashmail.drafts.html_text import text_of_html, text_of_page
from flashmail.errors import CannotImport
from flashmail.fetch import CannotFetch, Fetcher, guarded

#: What a document's text may be when it is unpacked, in bytes, and how many parts it
#: may have. Its pictures are never unpacked.
LARGEST_DOCX, MOST_PARTS = 3_000_000, 2_000

TEXT = (".xml", ".rels")

#: Styles of Word that mammoth does not know by itself.
STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Quote'] => blockquote > p:fresh
p[style-name='Intense Quote'] => blockquote > p:fresh
p[style-name='Block Text'] => blockquote > p:fresh
"""

DAMAGED = "This Word document is damaged: open it in Word, save it again as .docx."


def is_docx(data: bytes) -> bool:
    return data.startswith(b"PK\x03\x04")


def text_of_docx(data: bytes) -> str:
    """Return the document's text; its pictures are left out."""
    _refuse_bombs(data)
    try:
        made = mammoth.convert_to_html(
            BytesIO(data), style_map=STYLES, convert_image=_no_picture
        )
    except Exception as error:  # whatever is in a file that is none
        raise CannotImport(DAMAGED) from error
    return text_of_html(made.value)


def _refuse_bombs(data: bytes) -> None:
    """Refuse what unpacks to too much, and what defines entities of its own."""
    try:
        with ZipFile(BytesIO(data)) as whole:
            parts = whole.infolist()
            texts = [each for each in parts if each.filename.endswith(TEXT)]
            size = sum(each.file_size for each in texts)
            if size > LARGEST_DOCX or len(parts) > MOST_PARTS:
                raise CannotImport("This Word document is too large: shorten it.")
            for each in texts:
                _refuse_entities(whole.read(each))
    except (BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise CannotImport(DAMAGED) from error


def _refuse_entities(part: bytes) -> None:
    if b"<!DOCTYPE" in part or b"<!ENTITY" in part:
        raise CannotImport(DAMAGED)


def _no_picture(image: object) -> list[object]:
    return []


#: What an uploaded file may weigh, in bytes.
LARGEST_PAGE = 5_000_000


@dataclass(frozen=True)
class DraftSource:
    """What somebody gave: a text, a file or an address; nothing for a blank brief.

    `title` and `date` help where the text has none.
    """

    text: str = ""
    url: str = ""
    title: str = ""
    date: str = ""
    data: bytes = b""
    name: str = ""

    def with_file(self, name: str, data: bytes) -> "DraftSource":
        """Return the source with an uploaded file in it."""
        if len(data) > LARGEST_PAGE:
            most = f"{LARGEST_PAGE // 1_000_000} MB"
            raise CannotImport(f"{name} is larger than {most}: leave its pictures out")
        return replace(self, name=name, data=data)


def create_draft_from(
    session: Session,
    source: DraftSource,
    *,
    by: str,
    now: datetime,
    fetch: Fetcher = guarded,
) -> int:
    """Begin a draft from what was given; raise CannotBring where it cannot be read."""
    original = text_of(source, fetch=fetch)
    if not original.strip():
        blank = briefs.write_markdown(_blank(source, now.date()))
        return editing.begin(session, blank, by=by, now=now)
    brief = _understood(session, _with_head(original, source))
    return editing.begin(
        session,
        briefs.write_markdown(replace(brief, doubts=())),
        by=by,
        now=now,
        original=_with_head(original, source),
        doubts=brief.doubts,
    )


def text_of(source: DraftSource, *, fetch: Fetcher = guarded) -> str:
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
        raise CannotImport(f"{error} Paste the text instead.") from error
    if page.status >= 400:
        raise CannotImport(f"{url} answered {page.status}. Paste the text instead.")
    if "html" not in page.kind:
        return _decoded(page.body)
    return text_of_page(page.body, page.charset)


def _decoded(data: bytes) -> str:
    try:
        return decode(data)[0]
    except BriefError as error:
        raise CannotImport(f"This cannot be read: {error}") from error


def _understood(session: Session, text: str) -> Brief:
    try:
        return briefs.read(text, topics=editing.topics(session), name="text")
    except BriefError as error:
        problem = str(error).removeprefix("text: ")
        raise CannotImport(f"This cannot be read as a brief: {problem}") from error


def _with_head(text: str, source: DraftSource) -> str:
    """Put the date and the title above the text that somebody gave besides it."""
    head = [each.strip() for each in (source.date, source.title) if each.strip()]
    return "\n".join([*head, text])


def _blank(source: DraftSource, today: date) -> Brief:
    return Brief(
        title=source.title.strip() or "Untitled",
        date=today,
        sections=(
            Section(lines.LATEST, SectionKind.LATEST),
            Section(lines.ANALYSIS, SectionKind.ANALYSIS),
            Section("Background", SectionKind.BACKGROUND),
        ),
    )
