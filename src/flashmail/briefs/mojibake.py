"""UTF-8 that was once read as Windows-1252, and how to get it back."""

import re

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
#: The last is a closing quote mark whose third byte got lost.
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
