"""`flashmail send`: a brief becomes a campaign, after a look at what goes to whom."""

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from flashmail import bootstrap
from flashmail.audience.segment import Segment
from flashmail.audience.select import AudienceCount, count
from flashmail.briefs import Brief
from flashmail.briefs.decode import decode
from flashmail.cli import say
from flashmail.cli.audience import show
from flashmail.cli.brief import read, show_doubts
from flashmail.cli.despite import Codes, Reason, require_passed, tell
from flashmail.cli.options import At, Json, Template, ToSegment, Urgent
from flashmail.cli.wait import wait_for
from flashmail.database import reading
from flashmail.errors import NeedsDecision, WrongInput
from flashmail.model import Priority
from flashmail.sending.approve.launch import launch
from flashmail.sending.approve.moment import parse_moment
from flashmail.sending.approve.preflight import Surroundings, foresee
from flashmail.sending.campaigns import CampaignContent
from flashmail.settings import load

#: Who approves with --yes, in the audit log.
AT_THE_COMMAND_LINE = "system (command line)"


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
    despite: Codes = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Send a brief to those who follow its topics: now, at a time, or urgently."""
    home: Path = context.obj
    now = datetime.now(UTC)
    if at and urgent:
        raise WrongInput("urgent means now: leave --at or --urgent out")
    moment = parse_moment(at, now=now) if at else now
    settings = load(home)
    brief = read(home, file)
    show_doubts(brief)
    press, engine = bootstrap.press(settings), bootstrap.engine_with_topics(settings)
    chosen = _segment(home, brief, segment, engine)
    priority = Priority.URGENT if urgent else Priority.NORMAL
    what = press.draft(brief, chosen, priority=priority, template=template)
    counted = _count(engine, what, urgent=urgent)
    around = Surroundings(
        postal_address=settings.postal_address,
        markdown=decode(file.read_bytes())[0],
        embargo_until=brief.embargo,
        audience=counted.total,
        from_file=True,
    )
    with reading(engine) as session:
        found = foresee(session, what, brief, around, now=now, moment=moment)
    tell(found)
    passed = require_passed(found, despite or [], reason)
    _confirm(what, counted, moment if at else None, yes=yes)
    who = AT_THE_COMMAND_LINE
    noted = partial(passed.note, links=press.links, who=who, now=now)
    campaign_id = launch(engine, brief, what, moment, also=noted, who=who, now=now)
    if json:
        say.result({"campaign": campaign_id})
    if wait:
        wait_for(bootstrap.worker(settings, engine), campaign_id, quiet=json)
    else:
        say.note(f"campaign {campaign_id} is scheduled; 'serve' or 'worker' sends it")


def _segment(home: Path, brief: Brief, name: str, engine: Engine) -> Segment:
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
    with reading(engine) as session:
        counted = count(session, what.segment, urgent=urgent)
    if counted.total == 0:
        raise WrongInput("nobody would get it: 'flashmail audience' says why")
    return counted


def _confirm(
    what: CampaignContent, counted: AudienceCount, at: datetime | None, *, yes: bool
) -> None:
    say.note(f"{what.message.subject}")
    when = f"at {at:%A, %Y-%m-%d %H:%M} UTC" if at else "now"
    say.note(f"goes to {counted.total:,} people {when}, as {what.digest[:12]}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise NeedsDecision("nothing was sent: a person has to approve it, or --yes")
    show(counted)
    typed = typer.prompt("Type the number of people to approve it", err=True)
    if typed.replace(",", "").strip() != str(counted.total):
        raise NeedsDecision("nothing was sent: that is not the number")
