"""A Word document, written by hand: no library for it is needed in the tests."""

from collections.abc import Iterable
from html import escape
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType='
    '"application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"'
    "/></Types>"
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    'relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/'
    'officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
    "</Relationships>"
)
STYLES = {
    "Title": "Title",
    "Heading1": "heading 1",
    "Heading2": "heading 2",
    "Quote": "Quote",
}


def document(paragraphs: Iterable[tuple[str, str]], *, before: str = "") -> bytes:
    """Return a .docx of paragraphs, each a style and a text; `-` is an item."""
    body = "".join(_paragraph(style, text) for style, text in paragraphs)
    return packed(
        {
            "[Content_Types].xml": TYPES,
            "_rels/.rels": RELATIONS,
            "word/document.xml": f"{before}<w:document {W}><w:body>{body}</w:body>"
            "</w:document>",
            "word/styles.xml": _styles(),
            "word/_rels/document.xml.rels": RELATIONS.replace(
                "officeDocument/2006/relationships/officeDocument",
                "officeDocument/2006/relationships/styles",
            ).replace("word/document.xml", "styles.xml"),
        }
    )


def packed(parts: dict[str, str | bytes]) -> bytes:
    whole = BytesIO()
    with ZipFile(whole, "w", ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return whole.getvalue()


def _paragraph(style: str, text: str) -> str:
    kind = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{kind}<w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def _styles() -> str:
    each = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/>'
        "</w:style>"
        for key, name in STYLES.items()
    )
    return f"<w:styles {W}>{each}</w:styles>"
