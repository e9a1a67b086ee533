"""`flashmail send`: a brief becomes a campaign, after a look at its audience."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flashmail.cli.console import (
    AT_THE_COMMAND_LINE,
    At,
    Codes,
    Json,
    Reason,
    Template,
    ToSegment,
    Urgent,
)
from flashmail.errors import NeedsDecision, WrongInput
from flashmail.model import CampaignStatus

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from flashmail.audience.segment import Segment
    from flashmail.audience.selection import AudienceCount
    from flashmail.briefs import Brief
    from flashmail.campaigns.content import CampaignContent
    from flashmail.delivery.worker import Worker
    from flashmail.reports.campaign import Report

#: Nothing more happens by itself once a campaign is one of these.
AT_REST = frozenset(
    {
        CampaignStatus.SENT,
        CampaignStatus.CANCELLED,
        CampaignStatus.PAUSED,
        CampaignStatus.MISSED,
    }
)

#: How often the bar moves, in seconds.
LOOK = 0.2


def wait_for(worker: Worker, campaign_id: int, *, quiet: bool = False) -> None:
    """Send until a campaign is at its end, and say how it went."""
    import uvloop

    told = uvloop.run(_wait_for(worker, campaign_id))
    if not quiet:
        show(told)
    if told.status in {CampaignStatus.PAUSED, CampaignStatus.MISSED}:
        raise NeedsDecision(
            f"campaign {campaign_id} is {told.status}; 'flashmail campaign show"
            f" {campaign_id}' says why"
        )


def show(told: Report) -> None:
    """Print a campaign's states; they add up to everyone who was addressed."""
    from flashmail.cli import console

    console.out.print(f"Campaign {told.campaign_id}, {told.status}: {told.subject}")
    rows = [("addressed", told.addressed)]
    rows += [(f"  {state}", n) for state, n in told.states.items() if n]
    console.table(["deliveries", ""], rows)
    if told.missing:
        console.note(
            f"warning: {told.missing:,} of the deliveries addressed are not there"
        )


async def _wait_for(worker: Worker, campaign_id: int) -> Report:
    from flashmail.cli import console
    from flashmail.model import UNFINISHED

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    sending = asyncio.create_task(worker.run(stop))
    try:
        with console.progress("Sending") as advance:
            async for told in _looks(worker, campaign_id):
                waiting = sum(told.states[state] for state in UNFINISHED)
                advance(told.addressed - waiting, told.addressed)
                if told.status in AT_REST or stop.is_set() or sending.done():
                    break
    finally:
        stop.set()
        await sending
    return told


async def _looks(worker: Worker, campaign_id: int) -> AsyncIterator[Report]:
    """Yield how the campaign does, again and again; say once why something waits."""
    from flashmail.cli import console

    said = ""
    while True:
        told, waits = _look(worker, campaign_id)
        if waits and waits != said:
            console.note(f"some are put off, and tried again: {waits}")
            said = waits
        yield told
        await asyncio.sleep(LOOK)


def _look(worker: Worker, campaign_id: int) -> tuple[Report, str]:
    from flashmail.campaigns.lifecycle import get_campaign
    from flashmail.database import reading
    from flashmail.reports.campaign import put_off, report

    with reading(worker.engine) as session:
        told = report(
            session, get_campaign(session, campaign_id), tracking=worker.tracking
        )
        return told, put_off(session, campaign_id)


def send(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="A brief.")],
    segment: ToSegment = "",
    at: At = "",
    urgent: Urgent = False,
    template: Template = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Approve without being asked.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Send it from here, and wait for the end.")
    ] = False,
    override: Codes = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Send a brief to those who follow its topics: now, at a time, or urgently."""
    from flashmail import bootstrap
    from flashmail.briefs.dates import parse_moment
    from flashmail.briefs.decoding import decode
    from flashmail.campaigns.lifecycle import launch
    from flashmail.cli import console
    from flashmail.cli.brief import read, show_doubts
    from flashmail.cli.overrides import require_passed, tell
    from flashmail.database import reading
    from flashmail.model import Priority
    from flashmail.review.preflight import PreflightContext, check_content
    from flashmail.settings import load

    home: Path = context.obj
    now = datetime.now(UTC)
    if at and urgent:
        raise WrongInput("urgent means now: leave --at or --urgent out")
    moment = parse_moment(at, now=now) if at else now
    settings = load(home)
    brief = read(home, file)
    show_doubts(brief)
    kit, engine = bootstrap.mail_kit(settings), bootstrap.engine_with_topics(settings)
    chosen = _segment(home, brief, segment, engine)
    priority = Priority.URGENT if urgent else Priority.NORMAL
    what = kit.draft(brief, chosen, priority=priority, template=template)
    counted = _count(engine, what, urgent=urgent)
    around = PreflightContext(
        postal_address=settings.postal_address,
        markdown=decode(file.read_bytes())[0],
        embargo_until=brief.embargo,
        audience=counted.total,
        from_file=True,
    )
    with reading(engine) as session:
        found = check_content(session, what, brief, around, now=now, moment=moment)
    tell(found)
    passed = require_passed(found, override or [], reason)
    _confirm(what, counted, moment if at else None, yes=yes)
    who = AT_THE_COMMAND_LINE
    noted = partial(passed.record, links=kit.links, by=who, now=now)
    campaign_id = launch(engine, brief, what, moment, also=noted, by=who, now=now)
    if json:
        console.result({"campaign": campaign_id})
    if wait:
        wait_for(bootstrap.worker(settings, engine), campaign_id, quiet=json)
    else:
        console.note(
            f"campaign {campaign_id} is scheduled; 'serve' or 'worker' sends it"
        )


def _segment(home: Path, brief: Brief, name: str, engine: Engine) -> Segment:
    from flashmail import bootstrap
    from flashmail.audience.segment import Segment

    known = {topic.name for topic in bootstrap.topics(home)}
    if unknown := [topic for topic in brief.topics if topic not in known]:
        raise WrongInput(
            f"topics.toml does not know {', '.join(unknown)}: add it there,"
            " or mend the brief"
        )
    if name:
        return bootstrap.segment(home, name, engine)
    if not brief.topics:
        raise WrongInput(
            "the brief has no topics, so nobody follows it; tag it, or name a --segment"
        )
    return Segment(any=brief.topics)


def _count(engine: Engine, what: CampaignContent, *, urgent: bool) -> AudienceCount:
    from flashmail.audience.selection import count
    from flashmail.database import reading

    with reading(engine) as session:
        counted = count(session, what.segment, urgent=urgent)
    if counted.total == 0:
        raise WrongInput("nobody would get it: 'flashmail audience' says why")
    return counted


def _confirm(
    what: CampaignContent, counted: AudienceCount, at: datetime | None, *, yes: bool
) -> None:
    from flashmail.cli import console
    from flashmail.cli.audience import show as show_send

    console.note(f"{what.message.subject}")
    when = f"at {at:%A, %Y-%m-%d %H:%M} UTC" if at else "now"
    console.note(
        f"goes to {counted.total:,} people {when}, as {what.content_hash[:12]}"
    )
    if yes:
        return
    if not sys.stdin.isatty():
        raise NeedsDecision("nothing was sent: a person has to approve it, or --yes")
    show_send(counted)
    typed = typer.prompt("Type the number of people to approve it", err=True)
    if typed.replace(",", "").strip() != str(counted.total):
        raise NeedsDecision("nothing was sent: that is not the number")
