"""Delivery status notifications (RFC 3464; RFC 6533 for other scripts)."""

from collections.abc import Iterator

from flashmail.bounces.codes import RefusalScope, status_of, weigh
from flashmail.bounces.mail import MimePart, enclosed, leaves
from flashmail.bounces.verdict import BounceKind, ParsedBounce, named, printable

TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})

#: RFC 3464, 2.3.3: only one of the five actions is about a mail that will not arrive.
#: OpenSMTPD writes "error" for it.
FAILED = ("fail", "error")

#: Two are about one that has arrived, or has gone on to where nobody reports.
ARRIVED = frozenset({"delivered", "relayed"})

MOST_BLOCKS = 200

#: The heavier one of several recipients' fates is the mail's.
RANK = (BounceKind.NONE, BounceKind.SOFT, BounceKind.HARD)

Block = dict[str, str]


def read_status(mail: MimePart) -> ParsedBounce | None:
    """Return what a notification says; None if the mail is none."""
    text = "\n\n".join(part.text for part in leaves(mail) if part.type in TYPES)
    return verdict_of(text)


def verdict_of(text: str) -> ParsedBounce | None:
    """Return what the fields of a notification say; None if there are none."""
    told = [_from_dsn(block) for block in blocks(text) if "final-recipient" in block]
    return max(told, key=lambda each: RANK.index(each.kind), default=None)


def blocks(text: str) -> Iterator[Block]:
    """Yield groups of fields; of a field that stands twice the first counts."""
    fields: Block = {}
    name, count = "", 0
    for line in text.splitlines():
        if not line.strip():
            if fields:
                yield fields
                count += 1
            if count == MOST_BLOCKS:
                return
            fields, name = {}, ""
        elif line[0] in " \t" and name:
            fields[name] += " " + line.strip()
        else:
            label, colon, value = line.partition(":")
            name = label.strip().lower() if colon and label.strip().isascii() else ""
            # What belongs to a second field of this name goes nowhere.
            name = f"{name} again" if name in fields else name
            fields[name] = value.strip()
    if fields:
        yield fields


def recipient(block: Block) -> str:
    """Return the address we wrote to: the original recipient where that is told."""
    for name in ("original-recipient", "x-actual-recipient", "final-recipient"):
        if address := named(block.get(name, "").rpartition(";")[2]):
            return address
    return ""


def _from_dsn(block: Block) -> ParsedBounce:
    said = block.get("diagnostic-code", "").partition(";")
    words = said[2] or said[0]
    status = status_of(block.get("status", ""), words)
    action = block.get("action", "").lower()
    kind = _kind(action, status, words)
    reason = printable(words) or f"{block.get('action', '')} {status}".strip()
    arrived = action in ARRIVED and status[:1] in ("", "2")
    return ParsedBounce(kind, recipient(block), status, reason, arrived=arrived)


def _kind(action: str, status: str, said: str) -> BounceKind:
    if not action:
        # Cut short: something went wrong, but nobody said that it is for good.
        return BounceKind.SOFT if status[:1] in ("4", "5") else BounceKind.NONE
    if not action.startswith(FAILED) or status.startswith("2"):
        return BounceKind.NONE
    return (
        BounceKind.HARD if weigh(status, said) is RefusalScope.GONE else BounceKind.SOFT
    )


TYPE = "message/feedback-report"

#: Reports that no reader's complaint is behind: "not-spam" (RFC 5965, 7.3) takes one
#: back, the others are about signatures and policies (RFC 6591).
NO_COMPLAINTS = frozenset({"not-spam", "auth-failure", "dkim", "dmarc"})

HOTMAIL = "complaint about message from"

HOTMAIL_RECIPIENT = "X-HmXmrOriginalRecipient"


def read_feedback(mail: MimePart) -> ParsedBounce | None:
    """Return what a feedback report says; None if the mail is none."""
    reports = [part.text for part in leaves(mail) if part.type == TYPE]
    if reports:
        fields = next(blocks(reports[0].lstrip()), {})
        return _from_report(fields, _recipient(fields) or _theirs(mail))
    if mail.field("Subject").lower().startswith(HOTMAIL) and (address := _theirs(mail)):
        return ParsedBounce(
            BounceKind.COMPLAINT, address, reason="complaint by feedback loop"
        )
    return None


def _from_report(fields: Block, address: str) -> ParsedBounce:
    kind = fields.get("feedback-type", "").lower().partition(" ")[0]
    if not kind or kind in NO_COMPLAINTS:
        return ParsedBounce(
            BounceKind.NONE, address, reason=printable(f"report: {kind}")
        )
    return ParsedBounce(
        BounceKind.COMPLAINT, address, reason=printable(f"report: {kind}")
    )


def _recipient(fields: Block) -> str:
    names = ("original-rcpt-to", "removal-recipient")
    return next((found for n in names if (found := named(fields.get(n, "")))), "")


def _theirs(mail: MimePart) -> str:
    """Return the recipient of the mail complained about."""
    for original in enclosed(mail):
        for value in original.fields(HOTMAIL_RECIPIENT, "To"):
            if address := named(value):
                return address
    return ""
