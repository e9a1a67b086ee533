"""The demo: import a roster, send a brief to the outbox, let readers read it."""

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from itertools import count, cycle
from pathlib import Path

import httpx2 as httpx
from fastapi import FastAPI
from sqlalchemy import Engine

from flashmail import bootstrap, briefs, import_export
from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.campaigns.content import draft_of
from flashmail.campaigns.lifecycle import get_campaign, launch
from flashmail.database import reading
from flashmail.errors import WrongInput
from flashmail.home import initialise, packaged
from flashmail.model import Priority
from flashmail.reports.campaign import Report, report
from flashmail.settings import Settings, TransportName, load
from flashmail.tracking.hits import HitBuffer
from flashmail.transports.outbox import Outbox
from flashmail.web.app import create_app

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


#: Stands in a home that a demo made, and that the next demo may throw away.
MARK = ".made-by-flashmail-demo"

EXAMPLE = Path(__file__).parent / "brief.txt"


def new_home(folder: Path) -> Settings:
    """Make a home of the demo's own, in place of the last one."""
    if folder.exists() and not (folder / MARK).exists():
        raise WrongInput(f"{folder} was not made by a demo: move it out of the way")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    initialise(folder)
    settings = load(folder)
    # A demo never reaches anybody, whatever the environment says.
    return settings.model_copy(
        update={"transport": TransportName.OUTBOX, "database_url": ""}
    )


def read_brief(settings: Settings, file: Path | None) -> Brief:
    names = [topic.name for topic in bootstrap.topics(settings.home)]
    path = file or EXAMPLE
    return briefs.read(path.read_bytes(), topics=names, name=path.name)


def import_example(engine: Engine) -> import_export.ImportReport:
    """Bring in the invented people of `subscribers/example.csv`."""
    people = packaged("subscribers") / "example.csv"
    return import_export.import_rosters(
        engine, [people], dry_run=False, now=datetime.now(UTC)
    )


def send_to_outbox(settings: Settings, engine: Engine, brief: Brief) -> int:
    """Approve the brief for its followers; return the campaign's number."""
    what = draft_of(
        brief,
        Segment(any=brief.topics),
        renderer=bootstrap.renderer(settings),
        sender=bootstrap.sender(settings),
        links=bootstrap.links(settings),
        priority=Priority.NORMAL,
    )
    now = datetime.now(UTC)
    return launch(engine, brief, what, now, by="the demo", now=now)


def let_readers_read(settings: Settings, engine: Engine) -> None:
    """Play what invented readers do with their mails, through the real pages."""
    outbox = bootstrap.outbox(settings)
    sightings = HitBuffer(engine, clock=_at_leisure(datetime.now(UTC)))
    app = create_app(engine, bootstrap.tokens(settings), outbox, sightings=sightings)
    asyncio.run(read_mails(app, outbox))


def _at_leisure(now: datetime) -> Callable[[], datetime]:
    """Return a clock of the readers': they read in the course of the next hours."""
    minutes = count(start=5, step=7)
    return lambda: now + timedelta(minutes=next(minutes))


def tell(settings: Settings, engine: Engine, campaign_id: int) -> Report:
    with reading(engine) as session:
        return report(
            session, get_campaign(session, campaign_id), tracking=settings.tracking
        )
