"""The demo: import a roster, send a brief to the outbox, let readers read it."""

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from sqlalchemy import Engine

from flashmail import bootstrap, briefs
from flashmail.audience import roster
from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.database import reading
from flashmail.demo.readers import read_mails
from flashmail.errors import WrongInput
from flashmail.home import initialise, packaged
from flashmail.model import Priority
from flashmail.reports.campaign import Report, report
from flashmail.sending.approve.launch import draft_of, launch
from flashmail.sending.campaigns import find
from flashmail.settings import Settings, TransportName, load
from flashmail.tracking.sightings import Sightings
from flashmail.web.app import create_app

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


def import_example(engine: Engine) -> roster.ImportReport:
    """Bring in the invented people of `subscribers/example.csv`."""
    people = packaged("subscribers") / "example.csv"
    return roster.import_rosters(engine, [people], dry_run=False, now=datetime.now(UTC))


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
    return launch(engine, brief, what, now, who="the demo", now=now)


def let_readers_read(settings: Settings, engine: Engine) -> None:
    """Play what invented readers do with their mails, through the real pages."""
    outbox = bootstrap.outbox(settings)
    sightings = Sightings(engine, clock=_at_leisure(datetime.now(UTC)))
    app = create_app(engine, bootstrap.tokens(settings), outbox, sightings=sightings)
    asyncio.run(read_mails(app, outbox))


def _at_leisure(now: datetime) -> Callable[[], datetime]:
    """Return a clock of the readers': they read in the course of the next hours."""
    minutes = count(start=5, step=7)
    return lambda: now + timedelta(minutes=next(minutes))


def tell(settings: Settings, engine: Engine, campaign_id: int) -> Report:
    with reading(engine) as session:
        return report(session, find(session, campaign_id), tracking=settings.tracking)
