"""The mail that is measured with: some 44 KB, a dozen tracked links, a name in it."""

from benchmarks import stock
from flashmail.audience.segment import Segment
from flashmail.campaigns.content import CampaignContent, Sender, compose
from flashmail.links import Links, Tokens
from flashmail.message import LEAVE, WATCH, Message, mark
from flashmail.model import Priority
from flashmail.rendering.finish import watched

LINKS = Links("https://mail.example.org")
TOKENS = Tokens.of(["k" * 32])
SENDER = Sender("Flash Briefs", "briefs@example.org", "example.org")
SUBJECT = "A Headline of Today"
PARAGRAPH = "<p style='margin:0 0 12px'>What happened, “in short” – and why.</p>\n" * 34


def html(token: str, leave: str, name: str, because: str = stock.NEWS) -> str:
    linked = "".join(
        f"<a href='{LINKS.click(n, token)}'>Read</a>{PARAGRAPH}" for n in range(12)
    )
    return (
        f"<html><body><p>Dear {name},</p>{linked}"
        f"<p>You follow {because}. <a href='{LINKS.unsubscribe(leave)}'>Leave</a></p>"
        f'<img src="{LINKS.pixel(token)}" alt=""></body></html>'
    )


def text(name: str) -> str:
    return f"Dear {name},\n\n" + "What happened.\n" * 180


def draft(*topics: str, priority: Priority = Priority.NORMAL) -> CampaignContent:
    """Return the mail as a campaign to the followers of these topics."""
    reader, because = mark("name", "reader"), mark("because", "our briefs")
    return compose(
        Message(
            SUBJECT,
            watched(html(mark(WATCH), mark(LEAVE), reader, because), LINKS),
            text(reader),
        ),
        (),
        segment=Segment(any=topics),
        topics=topics,
        template="flash-brief",
        priority=priority,
        sender=SENDER,
        links=LINKS,
    )
