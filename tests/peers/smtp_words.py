"""What can go wrong in an SMTP session, and what is written down of it."""

from dataclasses import dataclass, field
from enum import Enum, auto


class Ending(Enum):
    """Instead of a reply."""

    DROP = auto()
    HANG = auto()


@dataclass
class Fault:
    """What goes wrong, and where.

    `at` is a phase: banner, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, body (in its
    middle), dot, RSET. `answer` is the reply, in bytes where it is none. A fault
    hits `times` times, and only mails to `address` when there is one. With `takes`, a
    mail is accepted all the same.
    """

    at: str
    answer: str | bytes | Ending
    times: int = 10**6
    address: str = ""
    takes: bool = False
    delay: float = 0.0
    #: The server goes away after its answer.
    closes: bool = False


@dataclass(frozen=True)
class Taken:
    """A mail the peer accepted, byte by byte as it came, but for the last dot."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    mail_command: str
    session: int
    encrypted: bool


@dataclass
class Talk:
    """One session, as the peer saw it."""

    number: int
    commands: list[str] = field(default_factory=list)
    encrypted: bool = False
    sender: str | None = None
    mail_command: str = ""
    recipients: list[str] = field(default_factory=list)
    #: How many mails' ends came together with the next commands.
    pipelined: int = 0
