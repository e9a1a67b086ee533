"""A mail on its way through a session, and the round that it belongs to."""

from dataclasses import dataclass
from typing import Protocol

from flashmail.transports.base import Outcome, SenderProblem
from flashmail.transports.smtp.session import Offer


class Carries(Protocol):
    """Whoever carries a mail and waits for its mark."""

    def hand_over(self) -> None:
        """Write the mail that is opened, unless its round has stopped."""
        ...


class Destiny(Protocol):
    """What becomes of a round's mails is written down here."""

    @property
    def stopped(self) -> bool:
        """Whether no further mail may be handed over."""
        ...

    def ready(self, carrier: Carries, mail: "Mail") -> None:
        """Mark a mail durably as about to be handed over, then call the carrier."""
        ...

    def accept(self, mail: "Mail") -> None: ...

    def book(self, mail: "Mail", outcome: Outcome, reason: str) -> None: ...

    def put_back(self, mail: "Mail", reason: str) -> None:
        """Take a mail back that was surely not handed over, for another session."""
        ...

    def blame_sender(self, mail: "Mail", reason: str) -> None: ...


@dataclass(slots=True)
class Mail:
    """One reader's mail, ready to be carried."""

    round: Destiny
    subscriber_id: int
    sender: bytes
    address: bytes
    body: bytes
    needs_smtputf8: bool = False

    def envelope(self, offer: Offer) -> bytes:
        """Return the commands that open the mail."""
        size = b"" if offer.size is None else b" SIZE=%d" % len(self.body)
        utf8 = b" SMTPUTF8" if self.needs_smtputf8 else b""
        return b"MAIL FROM:<%b>%b%b\r\nRCPT TO:<%b>\r\nDATA\r\n" % (
            self.sender,
            size,
            utf8,
            self.address,
        )

    def commands(self, offer: Offer) -> list[bytes]:
        """Return them one by one."""
        return self.envelope(offer).splitlines(keepends=True)

    def too_large(self, offer: Offer) -> SenderProblem | None:
        """Return the problem of having more octets than the server takes."""
        if not offer.size or len(self.body) <= offer.size:
            return None
        return SenderProblem(
            f"the mail has {len(self.body)} bytes,"
            f" and the SMTP server takes {offer.size}"
        )
