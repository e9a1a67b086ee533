"""From bytes to text that a brief may hold."""

import codecs
import re

from flashmail.briefs import mojibake
from flashmail.briefs.brief import Doubt
from flashmail.briefs.errors import BriefError

#: A brief is a page or two; a megabyte is something else.
LIMIT = 1_000_000

#: How files begin that are often taken for text, and what they are.
OTHER_FILES = {
    b"PK\x03\x04": "a Word document or an archive",
    b"\xd0\xcf\x11\xe0": "an old Word document",
    b"%PDF": "a PDF",
    b"{\\rtf": "rich text",
}

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

#: Bytes that text has no use for.
BINARY = bytes({*range(0x20), 0x7F} - set(b"\t\n\v\f\r"))

NEWLINE = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")

#: Control characters, halves of characters, and what is none. Among them are the
#: marks of a message, which no brief may hold.
CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")

#: Those that are no part of garbled text; they go before it is mended.
NEVER_GARBLED = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def decode(data: bytes | str) -> tuple[str, tuple[Doubt, ...]]:
    """Return clean text with '\\n' for each line's end, and what was mended in it."""
    size = len(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))
    if size > LIMIT:
        raise BriefError(f"it has {size:,} bytes; a brief has at most {LIMIT:,}")
    text, doubts = (data, []) if isinstance(data, str) else _from_bytes(data)
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    text = _mend(_without(NEVER_GARBLED, text, doubts), doubts)
    text = _without(CONTROL, NEWLINE.sub("\n", text), doubts)
    if not text.strip():
        raise BriefError("it is empty; begin with a date, then a title")
    return text, tuple(doubts)


def without_controls(text: str, doubts: list[Doubt], line: int) -> str:
    """Return the text without control characters, and doubt it if there were any."""
    return _without(CONTROL, text, doubts, line)


def _without(
    controls: re.Pattern[str], text: str, doubts: list[Doubt], first_line: int = 1
) -> str:
    found = controls.search(text)
    if not found:
        return text
    line = first_line + text.count("\n", 0, found.start())
    cleaned, count = controls.subn("", text)
    what = (
        f"{count} control characters were" if count > 1 else "a control character was"
    )
    doubts.append(Doubt(line, f"{what} left out (U+{ord(found[0]):04X})"))
    return cleaned


def _from_bytes(data: bytes) -> tuple[str, list[Doubt]]:
    if data.startswith(UTF16):
        return _from_utf16(data), []
    _refuse_other_files(data)
    try:
        return data.decode(), []
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        message = "not UTF-8 from here on; the whole was read as Windows-1252"
        return mojibake.windows(data), [Doubt(line, message)]


def _from_utf16(data: bytes) -> str:
    try:
        return data.decode("utf-16")
    except UnicodeDecodeError as error:
        raise BriefError("it is broken UTF-16; save it as UTF-8 text") from error


def _refuse_other_files(data: bytes) -> None:
    for beginning, what in OTHER_FILES.items():
        if data.startswith(beginning):
            raise BriefError(f"it is {what}; save it as plain text (UTF-8)")
    controls = len(data) - len(data.translate(None, BINARY))
    if controls * 20 > len(data):
        raise BriefError("it is not text; save it as plain text (UTF-8)")


def _mend(text: str, doubts: list[Doubt]) -> str:
    mended = mojibake.mend(text)
    sign = mojibake.SIGN.search(text)
    if sign and mended != text:
        line = 1 + text.count("\n", 0, sign.start())
        message = f"garbled characters such as {sign[0]!r} were mended; check accents"
        doubts.append(Doubt(line, f"{message} and quote marks"))
    return mended
