"""Quoted-printable (RFC 2045, section 6.7), laid out once with slots in place.

A line never begins with a dot, so SMTP's dot-stuffing finds nothing to do, and never
ends in a space or tab, so no relay can trim it.
"""

import re
from binascii import b2a_qp
from collections.abc import Callable
from html import escape

from flashmail.message import HERE, PIXEL, TOKEN_WIDTH
from flashmail.message.slots import Piece, Slot, pieces, settled, token

#: A line holds so many octets before the "=" of a soft break, which is the 76th.
ROOM = 75

SOFT_BREAK = b"=\r\n"

LINE_BREAK = b"\r\n"

DOT, BLANKS = ord("."), (ord(" "), ord("\t"))

#: So short that it fits a line even if each octet takes three.
SHORT = ROOM // 3

ESCAPED = [b"=%02X" % octet for octet in range(256)]

ENCODED = [
    bytes([octet]) if 32 <= octet <= 126 and octet != ord("=") else ESCAPED[octet]
    for octet in range(256)
]

#: Values that are their own encoding: most names.
PLAIN = re.compile(r"[!-\-/-<>-~](?:[ !-<>-~]{0,73}[!-<>-~])?").fullmatch

PLAIN_IN_HTML = re.compile(r"[!#-%(-\-/-;?-~](?:[ !#-%(-;?-~]{0,73}[!#-%(-;?-~])?")


def lay_out_text(text: str) -> list[Piece]:
    """Encode plain text with marks that stand for plain values."""
    return _lay_out(text, text_value)


def lay_out_html(html: str) -> list[Piece]:
    """Encode html with marks that stand for escaped values."""
    return _lay_out(html, html_value)


def text_value(value: str) -> bytes:
    """Encode a value that begins on a line of its own."""
    return value.encode() if PLAIN(value) else _encode(settled(value))


def html_value(value: str) -> bytes:
    """Escape and encode a value that begins on a line of its own."""
    if PLAIN_IN_HTML.fullmatch(value):
        return value.encode()
    return _encode(escape(settled(value)))


def _encode(value: str) -> bytes:
    octets = value.encode()
    if len(octets) <= SHORT:
        encoded = b2a_qp(octets)
        return b"=2E" + encoded[1:] if encoded[:1] == b"." else encoded
    lines = _EncodedLines()
    lines.add(octets, ends_line=True)
    return lines.static


def _lay_out(text: str, write: Callable[[str], bytes]) -> list[Piece]:
    lines = _EncodedLines()
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text)):
        if number:
            lines.end()
        _lay_out_line(lines, list(pieces(line, write)))
    return lines.pieces()


def _lay_out_line(lines: "_EncodedLines", line: list[str | Slot]) -> None:
    """Place one line; every second piece of it is a slot."""
    for index, piece in enumerate(line):
        last = index == len(line) - 1
        if isinstance(piece, str):
            lines.add(piece.encode(), ends_line=last)
        elif piece.fixed:
            lines.leave_room(piece)
        else:
            slot = _picture(piece.fallback) if piece.field == PIXEL else piece
            lines.leave_line(slot, ends_line=last or line[index + 1 :] == [""])


def _picture(form: str) -> Slot:
    """Return the slot of a pixel: its html laid out once around the token's line."""
    before, _, after = form.partition(HERE)
    around = [_EncodedLines(), _EncodedLines()]
    for lines, html in zip(around, (before, after), strict=True):
        lines.add(html.encode(), ends_line=True)
    first, last = (lines.static for lines in around)

    def write(value: str) -> bytes:
        if not value:
            return b""
        return first + SOFT_BREAK + token(value) + SOFT_BREAK + last

    return Slot(PIXEL, "", write)


class _EncodedLines:
    """Lines in the making; `static` is what was written since the last slot."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._static = bytearray()
        self._column = 0

    @property
    def static(self) -> bytes:
        return bytes(self._static)

    def add(self, octets: bytes, *, ends_line: bool) -> None:
        last = octets[-1:] if ends_line else b""
        if last and last[0] in BLANKS:
            octets, last = octets[:-1], ESCAPED[last[0]]
        else:
            last = b""
        self._place(b"".join(map(ENCODED.__getitem__, octets)) + last)

    def leave_room(self, slot: Slot) -> None:
        """Leave as much room as every value of the slot takes."""
        if self._column + TOKEN_WIDTH > ROOM:
            self._break_softly()
        self._leave(slot)
        self._column += TOKEN_WIDTH

    def leave_line(self, slot: Slot, *, ends_line: bool) -> None:
        """Leave a line, or as many as a value may need."""
        if self._column:
            self._break_softly()
        self._leave(slot)
        if not ends_line:
            self._break_softly()

    def end(self) -> None:
        self._static += LINE_BREAK
        self._column = 0

    def pieces(self) -> list[Piece]:
        """Return bytes and slots in turn; the first and the last are bytes."""
        return [*self._pieces, self.static]

    def _place(self, encoded: bytes) -> None:
        start = 0
        while start < len(encoded):
            if not self._column and encoded[start] == DOT:
                self._write(ESCAPED[DOT])
                start += 1
            end = _end_of_line(encoded, start, ROOM - self._column)
            self._write(encoded[start:end])
            start = end
            if start < len(encoded):
                self._break_softly()

    def _write(self, octets: bytes) -> None:
        self._static += octets
        self._column += len(octets)

    def _leave(self, slot: Slot) -> None:
        self._pieces += [self.static, slot]
        self._static.clear()

    def _break_softly(self) -> None:
        self._static += SOFT_BREAK
        self._column = 0


def _end_of_line(encoded: bytes, start: int, room: int) -> int:
    """Return where a line ends that has some room left; no =XX is cut in two."""
    end = start + room
    if end >= len(encoded):
        return len(encoded)
    escape_at = encoded.rfind(b"=", max(start, end - 2), end)
    return end if escape_at < 0 else escape_at
