"""MJML to html: the one caller of the compiler, guarded against what it does not bear.

Nesting ends the process it runs in; characters beyond ASCII, backslashes and line
breaks in attributes come out as Rust writes them in debug output; style that should be
inlined is not. Each is met here, before or after the call.
"""

import re
from xml.parsers import expat

import css_inline
from mjml import mjml2html

from flashmail.errors import FlashmailError
from flashmail.rendering.html import ATTRIBUTE, UnreadableTag, tags, unquoted

DEEPEST = 100

LARGEST = 1_000_000

INLINE = re.compile(
    r"""(<mj-style\b[^>]*\binline\s*=\s*["']inline["'][^>]*>)(.*?)(</mj-style>)""",
    re.DOTALL,
)

#: In attributes the compiler writes these as escapes of Rust; as entities they pass.
FRAIL = re.compile(r"[^\x20-\x7e]|[\\\"]")

#: Its words become an attribute, too.
TITLE = re.compile(r"(?<=<mj-title>).*?(?=</mj-title>)", re.DOTALL)

NAMED = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]*);")


class MjmlError(FlashmailError):
    """This is not MJML that could be compiled; line 0 is the whole."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def compile_mjml(source: str) -> str:
    """Return the html of an MJML document, with its style inlined where it says so."""
    _guard(source)
    inlined = "\n".join(match[2] for match in INLINE.finditer(source))
    rest = INLINE.sub(lambda match: match[1] + match[3], source)
    try:
        html = mjml2html(_with_entities(rest), fonts={})
    except ValueError as error:
        raise _explained(source, error) from error
    # Also without anything to inline: what comes out is html that every parser reads
    # in the same way, so that no link hides from being looked at.
    return css_inline.CSSInliner(
        inline_style_tags=False,
        keep_style_tags=True,
        keep_link_tags=True,
        load_remote_stylesheets=False,
        extra_css=inlined,
    ).inline(html)


def _guard(source: str) -> None:
    """Refuse what would crash the compiler, and files that it would look for."""
    if len(source.encode()) > LARGEST:
        raise MjmlError(f"larger than {LARGEST // 1000} KB of MJML")
    depth = 0
    try:
        for tag in tags(source):
            if tag.name.lower() == "mj-include":
                raise MjmlError("mj-include is not used; use {% include %}", tag.line)
            step = -1 if tag.closes else 0 if tag.is_empty else 1
            depth = max(0, depth + step)
            if depth > DEEPEST:
                raise MjmlError(f"tags are nested deeper than {DEEPEST}", tag.line)
    except UnreadableTag as error:
        raise MjmlError(error.message, error.line) from error


def _with_entities(source: str) -> str:
    """Return the source with frail characters of attributes written as entities."""
    parts, position = [], 0
    for tag in tags(source):
        parts.append(source[position : tag.start])
        written = source[tag.start : tag.end]
        parts.append(
            ATTRIBUTE.sub(_with_sturdy, written) if tag.attributes else written
        )
        position = tag.end
    rest = "".join(parts) + source[position:]
    return TITLE.sub(lambda match: _sturdy(match[0]), rest)


def _with_sturdy(match: re.Match[str]) -> str:
    if match["value"] is None:
        return match[0]
    return f'{match["name"]}="{_sturdy(unquoted(match["value"]))}"'


def _sturdy(words: str) -> str:
    return FRAIL.sub(lambda char: f"&#{ord(char[0])};", words)


def _explained(source: str, error: ValueError) -> MjmlError:
    """Say where the document is not well formed: the compiler hardly does."""
    parser = expat.ParserCreate()
    # Names of html are known to the compiler, not to expat.
    text = NAMED.sub(
        "", re.sub(r"<mj-style\b.*?</mj-style>", _lines, source, flags=re.S)
    )
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as wrong:
        reason = expat.errors.messages[wrong.code]
        return MjmlError(f"not well formed: {reason}", wrong.lineno)
    return MjmlError(f"the MJML compiler says: {error}")


def _lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")
