"""Complaints: feedback reports (RFC 5965), and the form that Hotmail has of its own."""

from flashmail.tracking.bounces.addresses import named
from flashmail.tracking.bounces.mail import Part, enclosed, leaves
from flashmail.tracking.bounces.status import Block, blocks
from flashmail.tracking.bounces.verdict import Kind, Verdict, printable

TYPE = "message/feedback-report"

#: Reports that no reader's complaint is behind: "not-spam" (RFC 5965, 7.3) takes one
#: back, the others are about signatures and policies (RFC 6591).
NO_COMPLAINTS = frozenset({"not-spam", "auth-failure", "dkim", "dmarc"})

HOTMAIL = "complaint about message from"
HOTMAIL_RECIPIENT = "X-HmXmrOriginalRecipient"


def read_feedback(mail: Part) -> Verdict | None:
    """Return what a feedback report says; None if the mail is none."""
    reports = [part.text for part in leaves(mail) if part.type == TYPE]
    if reports:
        fields = next(blocks(reports[0].lstrip()), {})
        return _from_report(fields, _recipient(fields) or _theirs(mail))
    if mail.field("Subject").lower().startswith(HOTMAIL) and (address := _theirs(mail)):
        return Verdict(Kind.COMPLAINT, address, reason="complaint by feedback loop")
    return None


def _from_report(fields: Block, address: str) -> Verdict:
    kind = fields.get("feedback-type", "").lower().partition(" ")[0]
    if not kind or kind in NO_COMPLAINTS:
        return Verdict(Kind.NONE, address, reason=printable(f"report: {kind}"))
    return Verdict(Kind.COMPLAINT, address, reason=printable(f"report: {kind}"))


def _recipient(fields: Block) -> str:
    names = ("original-rcpt-to", "removal-recipient")
    return next((found for n in names if (found := named(fields.get(n, "")))), "")


def _theirs(mail: Part) -> str:
    """Return whom the mail complained about was for."""
    for original in enclosed(mail):
        for value in original.fields(HOTMAIL_RECIPIENT, "To"):
            if address := named(value):
                return address
    return ""
