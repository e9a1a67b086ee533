"""A message compiled once for all its readers: personalising it is one join."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import itemgetter

from flashmail.errors import WrongInput
from flashmail.message import TOKEN_WIDTH, TOKENS, Message
from flashmail.message.headers import Mailbox, lines, mailbox, subject_line
from flashmail.message.quoted_printable import lay_out_html, lay_out_text
from flashmail.message.slots import Piece, Slot, pieces

#: Quoted-printable never puts "_" behind "=", so no part can hold it (RFC 2045, 6.7).
BOUNDARY = b"=_flashmail"

MULTIPART = (
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="' + BOUNDARY + b'"\r\n\r\n'
)

PART = (
    b"--" + BOUNDARY + b"\r\nContent-Type: text/%b; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
)

END = b"\r\n--" + BOUNDARY + b"--\r\n"

#: Where the lines stand that `fill` writes itself: To and Date.
OPENING = Slot("", "", str.encode)

NO_TOKEN = "0" * TOKEN_WIDTH


class Compiled:
    """A message as bytes (RFC 5322, 2045) with slots for what differs.

    Raises WrongInput when it cannot be a mail: see `message.headers`.
    """

    def __init__(self, message: Message) -> None:
        laid: list[Piece] = [
            OPENING,
            subject_line(message.subject),
            *lines(message.headers),
            MULTIPART,
            PART % b"plain",
            *lay_out_text(message.text),
            b"\r\n" + PART % b"html",
            *lay_out_html(message.html),
            END,
        ]
        self._mail = _Template(laid)
        self._sender = _Template(_envelope(message.envelope_sender))
        if message.envelope_sender:
            mailbox(self.envelope_sender(dict.fromkeys(TOKENS, NO_TOKEN)).decode())

    def fill(self, address: str, values: Mapping[str, str], date: str) -> bytes:
        """Return one reader's mail, its lines ended by CRLF and none led by a dot.

        `date` is in the form of RFC 5322, as `email.utils.format_datetime` writes it.
        Raises WrongInput for an address or a token that cannot be one.
        """
        if not (date.isascii() and date.isprintable()):
            raise WrongInput(f"{date!r} is no date for a header")
        return self.write(mailbox(address), values, date.encode())

    def write(self, to: Mailbox, values: Mapping[str, str], date: bytes) -> bytes:
        """Do the same for a mailbox that is known to be one, and a date."""
        # No display name: a name with commas in it would become further readers.
        return self._mail.fill(values, b"To: %b\r\nDate: %b\r\n" % (to.octets, date))

    def envelope_sender(self, values: Mapping[str, str]) -> bytes:
        """Return the MAIL FROM (RFC 5321) of one reader's mail, without brackets."""
        return self._sender.fill(values, b"")


class _Template:
    """Bytes and slots in turn."""

    def __init__(self, laid: Iterable[Piece]) -> None:
        parts, slots = [b""], []
        for piece in laid:
            if isinstance(piece, bytes):
                parts[-1] += piece
            else:
                slots.append(piece)
                parts += [b"", b""]
        self._parts = parts
        # Most slots are the same few: each is written once for a reader.
        distinct = list(dict.fromkeys([OPENING, *slots]))
        places = [distinct.index(slot) for slot in slots]
        self._distinct = distinct[1:]
        # Never fewer than two, so that a tuple is what it returns.
        self._placed = itemgetter(0, 0, *places)

    def fill(self, values: Mapping[str, str], opening: bytes) -> bytes:
        written = [opening]
        for field, fallback, write in self._distinct:
            written.append(write(values.get(field) or fallback))
        # A copy, because another thread may fill the same form.
        parts = self._parts.copy()
        parts[1::2] = self._placed(written)[2:]
        return b"".join(parts)


@lru_cache(maxsize=8)
def compiled(message: Message) -> Compiled:
    """Return the message compiled; the last few are kept, since batches share them."""
    return Compiled(message)


def _envelope(sender: str) -> Iterable[Piece]:
    for piece in pieces(sender, str.encode):
        if isinstance(piece, Slot) and not piece.fixed:
            raise WrongInput(f"an envelope sender cannot hold the field {piece.field}")
        yield piece.encode() if isinstance(piece, str) else piece
