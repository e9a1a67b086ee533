"""A mail for each reader: compiled once, against Jinja2 and EmailMessage for each."""

from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial

import jinja2

from benchmarks import letter, stock
from benchmarks.measure import Cost, Figure, Goal, by_cpu, in_turns, timed
from benchmarks.run import Run
from flashmail.links import Purpose
from flashmail.message import BOUNCE, LEAVE, PIXEL, TOKEN, WATCH
from flashmail.message.mime import Compiled

DATE = "Mon, 23 Nov 2026 09:00:00 +0000"
NAME = "Zoë Müller-Ærø"

OURS, THEIRS = 20_000, 150


def figures(run: Run) -> Iterator[Figure]:
    ways = {
        "ours": partial(_ours, run.size(OURS)),
        "theirs": partial(_theirs, run.size(THEIRS)),
    }
    costs = in_turns(ways, run.rounds)
    yield by_cpu(
        "personalise",
        "Jinja2 + EmailMessage for each reader",
        costs["ours"],
        costs["theirs"],
        goal=Goal(ratio=150),
    )


def values(reader: int) -> dict[str, str]:
    token = letter.TOKENS.write(Purpose.WATCH, 1, reader)
    return {
        TOKEN: token,
        WATCH: token,
        PIXEL: token,
        LEAVE: letter.TOKENS.write(Purpose.LEAVE, 1, reader),
        "name": NAME,
        "because": stock.NEWS,
    }


def _ours(mails: int) -> Cost:
    compiled = Compiled(letter.draft("News").message)

    def work() -> None:
        for reader in range(mails):
            filled = values(reader)
            filled[BOUNCE] = letter.TOKENS.write(Purpose.BOUNCE, 1, reader)
            compiled.fill("reader@example.org", filled, DATE)
            compiled.envelope_sender(filled)

    return timed(work, mails)


def _theirs(mails: int) -> Cost:
    html = jinja2.Template(letter.html("{{ token }}", "{{ leave }}", "{{ name }}"))
    text = jinja2.Template(letter.text("{{ name }}"))

    def work() -> None:
        for reader in range(mails):
            filled = values(reader)
            mail = EmailMessage(policy=SMTP)
            mail["From"] = "Flash Briefs <briefs@example.org>"
            mail["To"] = "reader@example.org"
            mail["Subject"] = letter.SUBJECT
            mail["Message-ID"] = f"<{filled[TOKEN]}@example.org>"
            mail.set_content(text.render(filled))
            mail.add_alternative(html.render(filled), subtype="html")
            mail.as_bytes()

    return timed(work, mails)
