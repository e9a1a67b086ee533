"""Header lines (RFC 5322), written here and by nothing else.

The standard library's writer breaks List-Unsubscribe and lets a crafted subject add
lines, so each line is checked and encoded here and handed on as finished bytes.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

from flashmail.errors import WrongInput
from flashmail.message import MARK, TOKEN_WIDTH, TOKENS
from flashmail.message.slots import CONTROLS, SURROGATES, Piece, Slot, pieces

#: RFC 5321, section 4.5.3.1, in octets: a path is an address within angle brackets.
LOCAL_PART_LIMIT, DOMAIN_LIMIT, PATH_LIMIT = 64, 255, 256

#: A dot-atom at a host name. Quoted local parts, comments, address literals and
#: routes are refused: programs disagree on the recipient they mean.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

PLAIN = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*@{_LABEL}(?:\.{_LABEL})*").fullmatch


class Mailbox(NamedTuple):
    """An address as octets, its domain in A-labels (RFC 5890)."""

    octets: bytes
    #: The local part is not ASCII and may not be rewritten (RFC 6531).
    needs_smtputf8: bool


def mailbox(address: str) -> Mailbox:
    """Return the mailbox of an address, or raise WrongInput saying what is wrong."""
    if PLAIN(address):
        octets = address.encode()
        # Only a long address can break a limit.
        return _within_limits(Mailbox(octets, needs_smtputf8=False))
    return _international(address)


@lru_cache(maxsize=256)
def _international(address: str) -> Mailbox:
    local, at, _ = address.rpartition("@")
    if address.isascii() or not at:
        raise WrongInput(f"{address!r} is not an address as in anne@example.org")
    try:
        valid = validate_email(
            address, check_deliverability=False, test_environment=True
        )
    except EmailNotValidError as problem:
        raise WrongInput(f"{address!r} is not an address: {problem}") from None
    # The local part stays as its owner writes it; email_validator normalises.
    return _within_limits(
        Mailbox(f"{local}@{valid.ascii_domain}".encode(), not local.isascii())
    )


def _within_limits(mailbox: Mailbox) -> Mailbox:
    if len(mailbox.octets) <= LOCAL_PART_LIMIT:
        return mailbox
    local, _, domain = mailbox.octets.rpartition(b"@")
    if len(local) > LOCAL_PART_LIMIT:
        raise WrongInput(f"more than {LOCAL_PART_LIMIT} octets stand before the @")
    if len(domain) > DOMAIN_LIMIT or len(mailbox.octets) + 2 > PATH_LIMIT:
        raise WrongInput(f"an address has at most {PATH_LIMIT - 2} octets")
    return mailbox


#: RFC 5322, section 2.1.1: a line should have at most so many characters, and must
#: not have more than LONGEST. RFC 2047, section 2: a line with an encoded word.
LINE, LONGEST, ENCODED_LINE = 78, 998, 76

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*").fullmatch

#: Lines that the message itself has, or that would name further readers.
OWN = re.compile(
    r"to|cc|bcc|subject|date|mime-version|content-.*|resent-.*|return-path|received",
    re.IGNORECASE,
).fullmatch

#: `Name <address>`, and RFC 2919's `Name <list id>`.
MAILBOXES = frozenset({"from", "reply-to", "sender"})

LIST_ID = "list-id"

LIST_ID_LIMIT = 255

NAMED = re.compile(r"(?P<name>.*?)\s*<(?P<inner>[^<>\s]+)>").fullmatch

ATOMS = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]+").fullmatch

ENCODED_WORD = "=?utf-8?b?{}?="

ENCODED_WORD_LIMIT = 75


def lines(headers: Iterable[tuple[str, str]]) -> list[Piece]:
    """Return header lines as bytes and slots in turn; raise WrongInput when one is off.

    Only tokens may be marked: what a reader wrote never stands in a header.
    """
    laid: list[Piece] = []
    seen: set[str] = set()
    for name, value in headers:
        _check_name(name, seen)
        laid += [f"{name}: ".encode(), *_value(name, value), b"\r\n"]
    if "from" not in seen:
        raise WrongInput("the message has no From line")
    return laid


def subject_line(subject: str) -> bytes:
    """Return the Subject line, folded, encoded where it is not plain ASCII."""
    if not subject.strip():
        raise WrongInput("the subject is empty")
    return b"Subject: " + unstructured(subject, used=len("Subject: ")) + b"\r\n"


def unstructured(text: str, *, used: int) -> bytes:
    """Encode free text (RFC 2047); `used` characters stand on the line before it."""
    _check_plain(text)
    words = text.split(" ")
    too_long = max(len(word) for word in words) + used > LINE
    # An empty word is a space at either end or a run of them: folding could lose it.
    if not text.isascii() or "=?" in text or too_long or "" in words:
        return encoded_words(text, used=used)
    return _folded(words, used=used).encode()


def encoded_words(text: str, *, used: int) -> bytes:
    """Write text as encoded words, whole characters in each (RFC 2047, section 5)."""
    chunks = [b""]
    room = _octets_in(ENCODED_LINE - used)
    for character in text:
        octets = character.encode()
        if len(chunks[-1]) + len(octets) > room:
            chunks.append(b"")
            room = _octets_in(ENCODED_WORD_LIMIT)
        chunks[-1] += octets
    words = (ENCODED_WORD.format(b64encode(chunk).decode()) for chunk in chunks)
    return "\r\n ".join(words).encode()


def phrase(name: str, *, used: int) -> bytes:
    """Write a display name: as it is, as a quoted string or as encoded words."""
    _check_plain(name)
    if not name.isascii() or "=?" in name or len(name) + used > LINE:
        return encoded_words(name, used=used)
    if ATOMS(name):
        return name.encode()
    inner = name.replace("\\", r"\\").replace('"', r"\"")
    return f'"{inner}"'.encode()


def named(name: str, value: str) -> tuple[str, str]:
    """Split `Name <inner>` of a header; a bare inner part has no name."""
    found = NAMED(value)
    if found is None:
        return "", value
    said = found["name"]
    if len(said) > 1 and said[0] == said[-1] == '"':
        said = re.sub(r"\\(.)", r"\1", said[1:-1])
    if MARK.search(value):
        raise WrongInput(f"{name} is the same for every reader and has no marks")
    return said, found["inner"]


def _value(name: str, value: str) -> list[Piece]:
    kind, used = name.lower(), len(name) + 2
    if kind in MAILBOXES:
        said, address = named(name, value)
        box = mailbox(address)
        if box.needs_smtputf8:
            raise WrongInput(f"{name} needs an address that is ASCII before the @")
        return [_bracketed(said, box.octets, used=used)]
    if kind == LIST_ID:
        said, identity = named(name, value)
        if len(identity) > LIST_ID_LIMIT or not identity.isascii():
            raise WrongInput(f"a List-Id has at most {LIST_ID_LIMIT} ASCII characters")
        _check_plain(identity)
        return [_bracketed(said, identity.encode(), used=used)]
    if not value.isascii() and not MARK.search(value):
        return [unstructured(value, used=used)]
    return _raw(name, value, used=used)


def _bracketed(name: str, inner: bytes, *, used: int) -> bytes:
    if not name:
        return b"<" + inner + b">"
    said = phrase(name, used=used)
    last = len(said.rpartition(b"\r\n")[2]) + (0 if b"\r\n" in said else used)
    space = b" " if last + len(inner) + 3 <= LINE else b"\r\n "
    return said + space + b"<" + inner + b">"


def _raw(name: str, value: str, *, used: int) -> list[Piece]:
    """Lay out a structured value with its slots; it is folded at spaces alone."""
    _check_plain(MARK.sub("", value))
    if not value.isascii() or "=?" in value or not value:
        raise WrongInput(f"{name} can hold ASCII only, and no encoded word")
    laid = pieces(_folded(value.split(" "), used=used), _refused)
    return [_octets(name, piece) for piece in laid]


def _octets(name: str, piece: str | Slot) -> Piece:
    if isinstance(piece, str):
        return piece.encode()
    if not piece.fixed:
        raise WrongInput(f"{name} cannot hold the field {piece.field}: tokens only")
    return piece


def _folded(words: Sequence[str], *, used: int) -> str:
    """Join words by spaces, with a fold before each that would pass the line's end."""
    if max(_width(word) for word in words) + used > LONGEST:
        raise WrongInput(f"a header line has at most {LONGEST} characters")
    folded, column = words[0], used + _width(words[0])
    for word in words[1:]:
        fits = not word or column + 1 + _width(word) <= LINE
        folded += f" {word}" if fits else f"\r\n {word}"
        column = (column if fits else 0) + 1 + _width(word)
    return folded


def _width(word: str) -> int:
    return len(MARK.sub("x" * TOKEN_WIDTH, word))


def _octets_in(width: int) -> int:
    """Return how many octets an encoded word of at most `width` characters holds."""
    limit = min(width, ENCODED_WORD_LIMIT) - len(ENCODED_WORD.format(""))
    return limit // 4 * 3


def _check_name(name: str, seen: set[str]) -> None:
    if not NAME(name):
        raise WrongInput(f"{name!r} is no name for a header line")
    if OWN(name):
        raise WrongInput(f"{name} cannot be among the headers of a message")
    if name.lower() in seen:
        raise WrongInput(f"{name} stands twice among the headers of a message")
    seen.add(name.lower())


def _check_plain(text: str) -> None:
    if CONTROLS.search(text) or SURROGATES.search(text):
        raise WrongInput(f"{text!r} has a line break or another control in it")


def _refused(value: str) -> bytes:
    raise WrongInput(f"only {', '.join(sorted(TOKENS))} can stand in a header")
