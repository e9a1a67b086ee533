"""From bytes to text that a brief may hold."""

import codecs
import re

from flashmail.briefs.brief import ParseWarning
from flashmail.errors import BriefError

#: Bytes that Windows-1252 does not define; programs pass them on as they are.
UNDEFINED = b"\x81\x8d\x8f\x90\x9d"

#: What each byte is in Windows-1252, as lenient programs read it.
WINDOWS = tuple(
    chr(byte) if byte in UNDEFINED else bytes([byte]).decode("cp1252")
    for byte in range(256)
)

TO_WINDOWS = dict(enumerate(WINDOWS))

FROM_WINDOWS = {ord(char): byte for byte, char in enumerate(WINDOWS)}

#: What the second and later bytes of a UTF-8 character look like, misread.
REST = (
    "[" + re.escape("".join({*map(chr, range(0x80, 0xC0)), *WINDOWS[0x80:0xC0]})) + "]"
)

#: What nobody writes on purpose: without one of these a text is left alone.
SIGN = re.compile(f"â[€\x80]|[ÂÃ]{REST}|ð[Ÿ\x9f]{REST}|ï»¿")

#: Where only a part of a text is garbled: Latin, Greek, Cyrillic, Hebrew and Arabic
#: letters, punctuation, emoji. Others might be an accented letter before a quote mark.
#: The last is a closing quote mark that lost its third byte.
GARBLED = re.compile(
    f"[ÂÃÄÅÎÏÐÑ×ØÙÚÛ]{REST}|â{REST}{REST}|ï»¿|[ðñ]{REST}{{3}}|â[€\x80]"
)

#: Texts get garbled more than once, but not for ever.
ROUNDS = 5


def windows(data: bytes) -> str:
    """Decode as Windows-1252; every byte means something."""
    return data.decode("latin-1").translate(TO_WINDOWS)


def mend(text: str) -> str:
    """Return the text as it was before it was misread."""
    for _ in range(ROUNDS):
        if not SIGN.search(text):
            break
        text = _again(text) or GARBLED.sub(_mend_one, text)
    return text


def _again(text: str) -> str | None:
    try:
        return text.translate(FROM_WINDOWS).encode("latin-1").decode()
    except UnicodeError:
        return None


def _mend_one(match: re.Match[str]) -> str:
    garbled = match[0]
    if len(garbled) == 2 and garbled[0] == "â":
        return "”"
    return _again(garbled) or garbled


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


def decode(data: bytes | str) -> tuple[str, tuple[ParseWarning, ...]]:
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


def without_controls(text: str, doubts: list[ParseWarning], line: int) -> str:
    """Return the text without control characters, and doubt it if there were any."""
    return _without(CONTROL, text, doubts, line)


def _without(
    controls: re.Pattern[str],
    text: str,
    doubts: list[ParseWarning],
    first_line: int = 1,
) -> str:
    found = controls.search(text)
    if not found:
        return text
    line = first_line + text.count("\n", 0, found.start())
    cleaned, count = controls.subn("", text)
    what = (
        f"{count} control characters were" if count > 1 else "a control character was"
    )
    doubts.append(ParseWarning(line, f"{what} left out (U+{ord(found[0]):04X})"))
    return cleaned


def _from_bytes(data: bytes) -> tuple[str, list[ParseWarning]]:
    if data.startswith(UTF16):
        return _from_utf16(data), []
    _refuse_other_files(data)
    try:
        return data.decode(), []
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        message = "not UTF-8 from here on; the whole was read as Windows-1252"
        return windows(data), [ParseWarning(line, message)]


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


def _mend(text: str, doubts: list[ParseWarning]) -> str:
    mended = mend(text)
    sign = SIGN.search(text)
    if sign and mended != text:
        line = 1 + text.count("\n", 0, sign.start())
        message = f"garbled characters such as {sign[0]!r} were mended; check accents"
        doubts.append(ParseWarning(line, f"{message} and quote marks"))
    return mended
