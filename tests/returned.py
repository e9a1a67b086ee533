"""Mail that comes back, as mail systems write it."""

from pathlib import Path

SAMPLES = Path(__file__).parent / "data" / "bounces"


def sample(name: str, token: str = "") -> bytes:
    """Return an invented mail; `token` stands where our own would."""
    raw = (SAMPLES / f"{name}.eml").read_bytes()
    return (
        raw.replace(b"0000000100000001" + b"a" * 32, token.encode()) if token else raw
    )


def notice(
    text: str,
    *,
    subject: str = "failure notice",
    sender: str = "MAILER-DAEMON@mail.example.net",
    more: str = "",
) -> bytes:
    """Return a bounce in prose."""
    head = f"Return-Path: <>\nFrom: {sender}\nTo: b@example.org\nSubject: {subject}\n"
    kind = "Content-Type: text/plain; charset=utf-8\n"
    return f"{head}{kind}{more}\n{text}\n".encode()


def dsn(
    action: str = "failed",
    status: str = "5.1.1",
    said: str = "",
    *,
    address: str = "anne@example.org",
    token: str = "",
) -> bytes:
    """Return a delivery status notification (RFC 3464) about one reader."""
    fields = {
        "Final-Recipient": f"rfc822; {address}" if address else "",
        "Action": action,
        "Status": status,
        "Diagnostic-Code": f"smtp; {said}" if said else "",
    }
    block = "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
    return report("delivery-status", f"Reporting-MTA: dns; x\n\n{block}", token=token)


def complaint(kind: str = "abuse", *, address: str = "", token: str = "") -> bytes:
    """Return a feedback report (RFC 5965)."""
    fields = f"Feedback-Type: {kind}\nVersion: 1\nUser-Agent: x/1\n"
    if address:
        fields += f"Original-Rcpt-To: {address}\n"
    return report("feedback-report", fields, token=token)


def report(kind: str, fields: str, *, token: str) -> bytes:
    to = f"b-{token}@example.org" if token else "bounces@example.org"
    return (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@example.net\nTo: {to}\n"
        "Date: Mon, 2 Mar 2026 12:00:00 +0000\n"
        "Subject: Undelivered Mail\nAuto-Submitted: auto-replied\n"
        f"Content-Type: multipart/report; report-type={kind}; boundary=x\n\n"
        "--x\nContent-Type: text/plain\n\nIt did not work.\n\n"
        f"--x\nContent-Type: message/{kind}\n\n{fields}\n"
        "--x\nContent-Type: text/rfc822-headers\n\n"
        "Subject: Storm\nTo: undisclosed\n--x--\n"
    ).encode()
