"""A mail for each reader: compiled once, against Jinja2 and EmailMessage for each."""

from email.message import EmailMessage
from email.policy import SMTP

import jinja2

from benchmarks.measure import Figure, compare, seconds
from flashmail.links import Links, Purpose, Tokens
from flashmail.message import BOUNCE, LEAVE, TOKEN, Message, mark
from flashmail.message.mime import Compiled

LINKS = Links("https://mail.example.org")
TOKENS = Tokens.of(["k" * 32])
DATE = "Mon, 23 Nov 2026 09:00:00 +0000"
NAME = "Zoë Müller-Ærø"
PARAGRAPH = "<p style='margin:0 0 12px'>What happened, “in short” – and why.</p>\n" * 34

OURS, THEIRS = 20_000, 150


def body(token: str, leave: str, name: str) -> str:
    """An article of some 37 KB with twelve tracked links."""
    linked = "".join(
        f"<a href='{LINKS.click(n, token)}'>Read</a>{PARAGRAPH}" for n in range(12)
    )
    return (
        f"<html><body><p>Dear {name},</p>{linked}"
        f"<a href='{LINKS.unsubscribe(leave)}'>Leave</a></body></html>"
    )


def ours() -> float:
    message = Message(
        "A Headline of Today",
        body(mark(TOKEN), mark(LEAVE), mark("name", "reader")),
        f"Dear {mark('name', 'reader')},\n\n" + "What happened.\n" * 180,
        (
            ("From", "Flash Briefs <briefs@example.org>"),
            ("Message-ID", f"<{mark(TOKEN)}@example.org>"),
            ("List-Unsubscribe", f"<{LINKS.unsubscribe()}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ),
        f"b-{mark(BOUNCE)}@example.org",
    )
    compiled = Compiled(message)

    def work() -> None:
        for reader in range(OURS):
            values = {
                TOKEN: TOKENS.write(Purpose.WATCH, 1, reader),
                LEAVE: TOKENS.write(Purpose.LEAVE, 1, reader),
                "name": NAME,
            }
            compiled.fill("reader@example.org", values, DATE)

    return seconds(work) / OURS


def theirs() -> float:
    html = jinja2.Template(body("{{ token }}", "{{ leave }}", "{{ name }}"))
    text = jinja2.Template("Dear {{ name }},\n\n" + "What happened.\n" * 180)

    def work() -> None:
        for reader in range(THEIRS):
            values = {
                "token": TOKENS.write(Purpose.WATCH, 1, reader),
                "leave": TOKENS.write(Purpose.LEAVE, 1, reader),
                "name": NAME,
            }
            mail = EmailMessage(policy=SMTP)
            mail["From"] = "Flash Briefs <briefs@example.org>"
            mail["To"] = "reader@example.org"
            mail["Subject"] = "A Headline of Today"
            mail["Message-ID"] = f"<{values['token']}@example.org>"
            mail.set_content(text.render(values))
            mail.add_alternative(html.render(values), subtype="html")
            mail.as_bytes()

    return seconds(work) / THEIRS


def run() -> Figure:
    return compare(
        "personalise",
        "Jinja2 + EmailMessage for each reader",
        ours=ours,
        theirs=theirs,
        goal=150,
        unit="mail",
    )
