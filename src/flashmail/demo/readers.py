"""Invented readers: they open, click and leave by the links in their own mails."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from itertools import cycle

import httpx2 as httpx
from fastapi import FastAPI

from flashmail.transports.outbox import Outbox

PIXEL = re.compile(r"https?://[^\"'\s]+(/o/[0-9a-f]+\.gif)")
CLICK = re.compile(r"https?://[^\"'\s]+(/c/[0-9a-f]+/\d+)")
LEAVE = re.compile(r"https?://[^>\s]+(/u/[0-9a-f]+)")

#: As many mails as are read.
MAILS = 1000

#: What a reader does with a mail: every one of ten a little different.
HABITS = ("open", "open click", "", "open", "", "open click", "", "open", "leave", "")

#: What they read with. The last one is Apple's proxy, which opens every mail.
PROGRAMS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.0",
    "",
    "Mozilla/5.0",
)


async def read_mails(app: FastAPI, outbox: Outbox) -> None:
    """Let each mail's reader do what the links in it allow, as a mail program would."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://demo") as web:
        mails = outbox.mails(limit=MAILS)
        for kept, habit, says in zip(mails, cycle(HABITS), cycle(PROGRAMS)):
            for method, path in _steps(kept.raw, habit):
                answer = await web.request(method, path, headers={"User-Agent": says})
                assert not answer.is_error, f"{method} {path}: {answer.status_code}"


def _steps(raw: bytes, habit: str) -> Iterator[tuple[str, str]]:
    """Yield the requests that a habit leads to, as the mail itself addresses them."""
    mail = message_from_bytes(raw, policy=policy.default)
    part = mail.get_body(("html",))
    html = part.get_content() if part else ""
    if "open" in habit and (pixel := PIXEL.search(html)):
        yield "GET", pixel[1]
    if "click" in habit and (click := CLICK.search(html)):
        yield "GET", click[1]
    header = str(mail["List-Unsubscribe"])
    if "leave" in habit and (leave := LEAVE.search(header)):
        yield "POST", leave[1]
