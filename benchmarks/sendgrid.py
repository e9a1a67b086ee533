"""The body of a SendGrid request: ours, against the Mail helper of its own library."""

from collections.abc import Iterator, Sequence
from functools import partial

import orjson
from sendgrid.helpers.mail import (
    CustomArg,
    From,
    Header,
    HtmlContent,
    Mail,
    Personalization,
    PlainTextContent,
    Substitution,
    To,
)

from benchmarks import letter
from benchmarks.measure import Cost, Figure, Goal, by_cpu, in_turns, timed
from benchmarks.personalise import values
from benchmarks.run import Run
from flashmail.message import LEAVE, TOKEN
from flashmail.transports import Recipient
from flashmail.transports.sendgrid_body import DELIVERY, SendGridMail

READERS, REQUESTS = 1000, 10


def figures(run: Run) -> Iterator[Figure]:
    readers = [
        Recipient(n, f"reader{n}@example.org", values(n))
        for n in range(run.size(READERS))
    ]
    requests = run.size(REQUESTS)
    ways = {
        "ours": partial(_ours, readers, requests),
        "theirs": partial(_theirs, readers, requests),
    }
    costs = in_turns(ways, run.rounds)
    yield by_cpu(
        "sendgrid body",
        "the sendgrid library's Mail helper",
        costs["ours"],
        costs["theirs"],
        goal=Goal(ratio=4),
        unit=f"request for {len(readers):,}",
    )


def _ours(readers: Sequence[Recipient], requests: int) -> Cost:
    def work() -> None:
        for _ in range(requests):
            mail = SendGridMail(letter.draft("News").message)
            mail.body([mail.personalization(each) for each in readers])

    return timed(work, requests)


def _theirs(readers: Sequence[Recipient], requests: int) -> Cost:
    html = letter.html("-token-", "-leave-", "-name-", "-because-")

    def work() -> None:
        for _ in range(requests):
            mail = Mail(
                From("briefs@example.org", "Flash Briefs"), subject=letter.SUBJECT
            )
            mail.content = [PlainTextContent(letter.text("-plain-")), HtmlContent(html)]
            for each in readers:
                mail.add_personalization(_personalization(each))
            orjson.dumps(mail.get())

    return timed(work, requests)


def _personalization(reader: Recipient) -> Personalization:
    """Say of one reader all that ours says."""
    made = Personalization()
    made.add_to(To(reader.address))
    token, leave = reader.values[TOKEN], reader.values[LEAVE]
    substitutions = {
        "-token-": token,
        "-leave-": leave,
        "-name-": reader.values["name"],
        "-plain-": reader.values["name"],
        "-because-": reader.values["because"],
    }
    for key, value in substitutions.items():
        made.add_substitution(Substitution(key, value))
    made.add_custom_arg(CustomArg(DELIVERY, token))
    unsubscribe = f"<{letter.LINKS.unsubscribe(leave)}>"
    headers = {
        "List-Id": "Flash Briefs <briefs.example.org>",
        "List-Post": "NO",
        "List-Unsubscribe": unsubscribe,
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Precedence": "bulk",
    }
    for name, value in headers.items():
        made.add_header(Header(name, value))
    return made
