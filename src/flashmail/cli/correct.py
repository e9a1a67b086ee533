"""`flashmail campaign prepare, rehearse, correct, retract`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from flashmail import bootstrap
from flashmail.cli import say
from flashmail.cli.brief import read, show_doubts
from flashmail.cli.send import AT_THE_COMMAND_LINE
from flashmail.database import reading, transaction
from flashmail.errors import NeedsDecision
from flashmail.model import BriefDraft, Rehearsal
from flashmail.sending import campaigns
from flashmail.sending.approve import rehearsal as rehearsing
from flashmail.sending.approve.correct import Amended, Fix
from flashmail.sending.approve.correct import correct as corrected
from flashmail.sending.approve.correct import retract as retracted
from flashmail.sending.approve.prepare import NoSuchDraft, Wish
from flashmail.sending.approve.prepare import prepare as prepared
from flashmail.settings import load

Json = Annotated[bool, typer.Option("--json", help="For a program.")]
Number = Annotated[int, typer.Argument(help="The campaign's number.")]
Yes = Annotated[
    bool, typer.Option("--yes", help="Approve what was drafted, and send it now.")
]
Words = Annotated[
    str, typer.Option("--words", help="What was wrong; it stands at the mail's head.")
]


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
        say.result({"campaign": number})
    say.note(f"campaign {number} is a draft: rehearse it, and approve it in the pages")


def rehearse(context: typer.Context, number: Number, json: Json = False) -> None:
    """Do all but send a campaign, and say who would get it."""
    settings = load(context.obj)
    engine = bootstrap.engine_with_topics(settings)
    with say.progress("Rehearsing") as advance:
        made = rehearsing.rehearse(
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
        say.result(facts)
        return
    for name, value in facts.items():
        say.out.print(f"{name + ':':<13}{value}", markup=False)


def correct(
    context: typer.Context,
    number: Number,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The mended brief.")],
    words: Words,
    yes: Yes = False,
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
    _go_on(engine, number, made, now, yes=yes, json=json)


def retract(
    context: typer.Context,
    number: Number,
    words: Words,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Stop a campaign, and take its brief back from who got it."""
    settings = load(context.obj)
    engine = bootstrap.engine_with_topics(settings)
    now, who = datetime.now(UTC), AT_THE_COMMAND_LINE
    press = bootstrap.press(settings)
    made = retracted(engine, press, number, words, who=who, now=now)
    _go_on(engine, number, made, now, yes=yes, json=json)


def _go_on(
    engine: Any, number: int, made: Amended, now: datetime, *, yes: bool, json: bool
) -> None:
    """Approve and queue what amends a campaign, or say that a person has to."""
    say.note(f"campaign {number} is stopped")
    if json:
        say.result({"campaign": number, "note": made.note, "rest": made.rest})
    drafts = [each for each in (made.note, made.rest) if each is not None]
    if not yes:
        named = " and ".join(map(str, drafts))
        raise NeedsDecision(f"approve campaign {named} in the pages, or with --yes")
    who = AT_THE_COMMAND_LINE
    with transaction(engine) as session:
        for each in drafts:
            digest = campaigns.find(session, each).message_digest
            campaigns.approve(session, each, digest, who=who, now=now)
            campaigns.schedule(session, each, now, who=who, now=now)
    for each in drafts:
        say.note(f"campaign {each} is scheduled; 'serve' or 'worker' sends it")


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
