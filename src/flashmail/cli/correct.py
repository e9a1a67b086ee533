"""`flashmail campaign prepare, rehearse, correct, retract`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Engine
from sqlmodel import Session

from flashmail import bootstrap
from flashmail.campaigns import lifecycle
from flashmail.campaigns.content import Press
from flashmail.cli import console
from flashmail.cli.brief import read, show_doubts
from flashmail.cli.console import Json, Number
from flashmail.cli.overrides import Codes, Reason, require_passed, tell
from flashmail.cli.send import AT_THE_COMMAND_LINE
from flashmail.database import reading, transaction
from flashmail.errors import NeedsDecision, NoSuchDraft
from flashmail.model import BriefDraft, Rehearsal
from flashmail.review import dry_run
from flashmail.review.correction import Amended, Fix
from flashmail.review.correction import correct as corrected
from flashmail.review.correction import retract as retracted
from flashmail.review.preflight import preflight
from flashmail.review.preparation import Wish
from flashmail.review.preparation import prepare as prepared
from flashmail.settings import load

Yes = Annotated[
    bool, typer.Option("--yes", help="Approve what was drafted, and send it now.")
]

Words = Annotated[
    str, typer.Option("--words", help="What was wrong; it stands at the mail's head.")
]


@dataclass(frozen=True)
class Pass:
    """Whether somebody approves at the command line, and despite what."""

    yes: bool
    despite: list[str]
    reason: str


def prepare(
    context: typer.Context,
    draft: Annotated[int, typer.Argument(help="The draft's number.")],
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Before everything else.")
    ] = False,
    json: Json = False,
) -> None:
    """Freeze a draft as a campaign, for somebody to approve in the pages."""
    settings = load(context.obj)
    engine = bootstrap.engine_with_topics(settings)
    with reading(engine) as session:
        found = session.get(BriefDraft, draft)
    if found is None:
        raise NoSuchDraft(f"there is no draft {draft}")
    now, who = datetime.now(UTC), AT_THE_COMMAND_LINE
    wish = Wish(draft, found.revision, urgent=urgent)
    number = prepared(engine, bootstrap.press(settings), wish, who=who, now=now)
    if json:
        console.result({"campaign": number})
    console.note(
        f"campaign {number} is a draft: rehearse it, and approve it in the pages"
    )


def rehearse(context: typer.Context, number: Number, json: Json = False) -> None:
    """Do all but send a campaign, and say who would get it."""
    settings = load(context.obj)
    engine = bootstrap.engine_with_topics(settings)
    with console.progress("Rehearsing") as advance:
        made = dry_run.rehearse(
            engine,
            number,
            bootstrap.tokens(settings),
            who=AT_THE_COMMAND_LINE,
            now=datetime.now(UTC),
            advance=advance,
        )
    with reading(engine) as session:
        facts = _facts(session.get_one(Rehearsal, made))
    if json:
        console.result(facts)
        return
    for name, value in facts.items():
        console.out.print(f"{name + ':':<13}{value}", markup=False)


def correct(
    context: typer.Context,
    number: Number,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The mended brief.")],
    words: Words,
    yes: Yes = False,
    despite: Codes = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Stop a campaign: the mended brief to the rest, a correction to who got it."""
    settings = load(context.obj)
    brief = read(context.obj, file)
    show_doubts(brief)
    engine = bootstrap.engine_with_topics(settings)
    now, who = datetime.now(UTC), AT_THE_COMMAND_LINE
    press, fix = bootstrap.press(settings), Fix(brief, words)
    made = corrected(engine, press, number, fix, who=who, now=now)
    _tell(number, made, json=json)
    _go_on(engine, press, made, Pass(yes, despite or [], reason))


def retract(
    context: typer.Context,
    number: Number,
    words: Words,
    yes: Yes = False,
    despite: Codes = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Stop a campaign, and take its brief back from who got it."""
    settings = load(context.obj)
    engine = bootstrap.engine_with_topics(settings)
    now, who = datetime.now(UTC), AT_THE_COMMAND_LINE
    press = bootstrap.press(settings)
    made = retracted(engine, press, number, words, who=who, now=now)
    _tell(number, made, json=json)
    _go_on(engine, press, made, Pass(yes, despite or [], reason))


def _tell(number: int, made: Amended, *, json: bool) -> None:
    console.note(f"campaign {number} is stopped")
    if json:
        console.result({"campaign": number, "note": made.note, "rest": made.rest})


def _go_on(engine: Engine, press: Press, made: Amended, allowed: Pass) -> None:
    """Approve and queue what amends a campaign, or say that a person has to."""
    drafts = [each for each in (made.note, made.rest) if each is not None]
    named = " and ".join(map(str, drafts))
    if not allowed.yes:
        raise NeedsDecision(f"approve campaign {named} in the pages, or with --yes")
    with transaction(engine) as session:
        for each in drafts:
            _approve(session, press, each, allowed, datetime.now(UTC))
    for each in drafts:
        console.note(f"campaign {each} is scheduled; 'serve' or 'worker' sends it")


def _approve(
    session: Session, press: Press, number: int, allowed: Pass, now: datetime
) -> None:
    postal, who = press.postal_address, AT_THE_COMMAND_LINE
    found = preflight(session, number, now=now, postal_address=postal, from_file=True)
    tell(found)
    passed = require_passed(found, allowed.despite, allowed.reason)
    campaign = lifecycle.find(session, number)
    passed.note(session, campaign, links=press.links, who=who, now=now)
    lifecycle.approve(session, number, campaign.message_digest, who=who, now=now)
    lifecycle.schedule(session, number, now, who=who, now=now)


def _facts(found: Rehearsal) -> dict[str, Any]:
    return {
        "campaign": found.campaign_id,
        "meant": found.meant,
        "usual": found.usual,
        "left_out": found.left_out,
        "refused": found.refused,
        "largest_mail": found.sizes[1],
        "content": found.content_digest,
        "audience": found.audience_digest,
    }
