"""A mail taken apart, however badly it is put together (RFC 2045 to 2047, 5322).

The standard library's parser tries every open boundary on every line and calls itself
for each level, so a crafted mail costs it minutes. This one takes time in proportion
to the size, goes a few levels deep, and never raises.
"""

import base64
import binascii
import html
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path

from flashmail.errors import WrongInput

#: What lies behind is not looked at. Octets of a mail, of its head, of one text.
LARGEST, LARGEST_HEAD, LARGEST_TEXT = 5 * 1024 * 1024, 128 * 1024, 64 * 1024

DEEPEST, MOST_PARTS = 6, 64

#: Parts that hold the mail that came back, or its head.
ENCLOSED = frozenset(
    {
        "message/rfc822",
        "message/rfc822-headers",
        "message/global",
        "message/global-headers",
        "message/partial",
        "text/rfc822-headers",
        "text/rfc822",
    }
)

#: Encodings of Python that are no charset of a mail; some take quadratic time.
NO_CHARSETS = re.compile("punycode|idna|unicode.?escape|raw.?unicode|undefined", re.I)

TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True)
class MimePart:
    """A mail or a part of one: its head, and its body or the parts in it."""

    head: Message
    body: bytes
    parts: tuple["MimePart", ...] = ()

    @property
    def type(self) -> str:
        return self.head.get_content_type()

    def field(self, name: str) -> str:
        """Return a header line's text on one line, decoded; empty if there is none."""
        return next(self.fields(name), "")

    def fields(self, *names: str) -> Iterator[str]:
        """Yield the texts of all header lines of these names, in the names' order."""
        lines = [(name.lower(), value) for name, value in self.head.raw_items()]
        for wanted in names:
            for name, value in lines:
                if name == wanted.lower():
                    yield unfolded(value)

    @property
    def text(self) -> str:
        """The body as text, whatever it is said to be encoded in."""
        text = _decoded(_plain(self.head, self.body)[:LARGEST_TEXT], self.head)
        if self.type == "text/html":
            text = html.unescape(TAG.sub(" ", text))
        return text


def take_apart(raw: bytes) -> MimePart:
    """Read a mail with any line ends: CRLF, LF or CR."""
    raw = raw[:LARGEST].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    if raw.startswith((b"From ", b">From ")):
        raw = raw.partition(b"\n")[2]
    return _part(raw, DEEPEST)


def leaves(part: MimePart) -> Iterator[MimePart]:
    """Yield the parts that hold no others, leaving out what is in an enclosed mail."""
    if part.type in ENCLOSED:
        return
    if not part.parts:
        yield part
    for inner in part.parts:
        yield from leaves(inner)


def enclosed(part: MimePart) -> Iterator[MimePart]:
    """Yield the mails, or their heads, that come back with this one."""
    for inner in part.parts:
        if part.type in ENCLOSED:
            yield inner
        else:
            yield from enclosed(inner)


def unfolded(value: str) -> str:
    """Return a header value on one line, its encoded words (RFC 2047) decoded."""
    octets = value[:LARGEST_TEXT].encode("utf-8", "surrogateescape")
    text = " ".join(_in_charset(octets, "").split())
    if "=?" not in text:
        return text
    try:
        pieces = decode_header(text[:2000])
    except (HeaderParseError, ValueError):
        return text
    return "".join(
        piece if isinstance(piece, str) else _in_charset(piece, charset or "")
        for piece, charset in pieces
    )


def _part(raw: bytes, depth: int) -> MimePart:
    head, body = _head_and_body(raw)
    if depth == 0:
        return MimePart(head, body)
    kind = head.get_content_type()
    if kind in ENCLOSED:
        return MimePart(head, body, (_part(_plain(head, body), depth - 1),))
    if kind.startswith("multipart/"):
        pieces = _pieces(body, _boundary(head))
        return MimePart(head, body, tuple(_part(piece, depth - 1) for piece in pieces))
    return MimePart(head, body)


def _head_and_body(raw: bytes) -> tuple[Message, bytes]:
    if raw.startswith(b"\n"):
        return Message(), raw[1:]
    text, _, body = raw.partition(b"\n\n")
    if len(text) > LARGEST_HEAD:
        text = text[:LARGEST_HEAD]
    head = BytesHeaderParser().parsebytes(text + b"\n\n")
    # Where a line is no header line, the body has begun without an empty one.
    rest = head.get_payload()
    if isinstance(rest, str) and rest.strip():
        body = rest.encode("utf-8", "surrogateescape") + b"\n\n" + body
    return head, body


def _boundary(head: Message) -> bytes:
    try:
        return (head.get_boundary() or "").encode("utf-8", "surrogateescape")
    except (ValueError, LookupError):
        return b""


def _pieces(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """Cut a body at its boundary lines; a missing last one changes nothing."""
    if not boundary:
        return
    line = re.compile(rb"\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\n|\Z)")
    body = b"\n" + body
    begin = None
    for count, found in enumerate(line.finditer(body)):
        if begin is not None:
            yield body[begin : found.start()]
        begin = found.end() + 1
        if found[1] or count == MOST_PARTS:
            return
    if begin is not None:
        yield body[begin:]


def _plain(head: Message, body: bytes) -> bytes:
    coding = str(head.get("Content-Transfer-Encoding", "")).strip().lower()
    if coding == "quoted-printable":
        return quopri.decodestring(body)
    if coding == "base64":
        letters = b"".join(body.split())
        try:
            return base64.b64decode(letters[: len(letters) // 4 * 4])
        except (binascii.Error, ValueError):
            return body
    return body


def _decoded(octets: bytes, head: Message) -> str:
    try:
        charset = head.get_content_charset("") or ""
    except (ValueError, LookupError):
        charset = ""
    return _in_charset(octets, charset)


def _in_charset(octets: bytes, charset: str) -> str:
    """Decode as it is said, or else as it seems: many a mail has the wrong label."""
    said = "" if NO_CHARSETS.search(charset) else charset
    for name in (said, "utf-8"):
        try:
            return octets.decode(name or "utf-8")
        except (LookupError, ValueError):
            continue
    return octets.decode("cp1252", "replace")


#: A Maildir's folders of whole mails: what lies in tmp is still being written.
NEW, CUR, TMP = "new", "cur", "tmp"


def files(path: Path) -> Iterator[Path]:
    """Yield the mails at a path, in the order of their names."""
    if path.is_file():
        yield path
    elif is_maildir(path):
        yield from _mails(path / NEW)
        yield from _mails(path / CUR)
    elif path.is_dir():
        yield from _mails(path)
    else:
        raise WrongInput(f"{path}: there is no such file or folder")


def is_maildir(path: Path) -> bool:
    return (path / NEW).is_dir() or (path / CUR).is_dir()


def content(path: Path) -> bytes:
    """Return a mail, as far as it is looked at."""
    with path.open("rb") as file:
        return file.read(LARGEST)


def seen(path: Path) -> None:
    """Move a mail that is new in a Maildir to those that were seen."""
    cur = path.parent.parent / CUR
    if path.parent.name == NEW and cur.is_dir():
        flags = "" if ":2," in path.name else ":2,S"
        path.rename(cur / f"{path.name}{flags}")


def _mails(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif path.name != TMP and path.is_dir():
            yield from files(path)
