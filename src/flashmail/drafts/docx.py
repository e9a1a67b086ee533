"""Word documents: their paragraphs as published text."""

from io import BytesIO
from zipfile import BadZipFile, ZipFile

import mammoth

from flashmail.drafts.errors import CannotBring
from flashmail.drafts.hypertext import text_of_html

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
        raise CannotBring(DAMAGED) from error
    return text_of_html(made.value)


def _refuse_bombs(data: bytes) -> None:
    """Refuse what unpacks to too much, and what defines entities of its own."""
    try:
        with ZipFile(BytesIO(data)) as whole:
            parts = whole.infolist()
            texts = [each for each in parts if each.filename.endswith(TEXT)]
            size = sum(each.file_size for each in texts)
            if size > LARGEST_DOCX or len(parts) > MOST_PARTS:
                raise CannotBring("This Word document is too large: shorten it.")
            for each in texts:
                _refuse_entities(whole.read(each))
    except (BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise CannotBring(DAMAGED) from error


def _refuse_entities(part: bytes) -> None:
    if b"<!DOCTYPE" in part or b"<!ENTITY" in part:
        raise CannotBring(DAMAGED)


def _no_picture(image: object) -> list[object]:
    return []
