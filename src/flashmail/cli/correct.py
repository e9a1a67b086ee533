"""`flashmail campaign prepare, dry-run, correct, retract`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flashmail.cli.console import AT_THE_COMMAND_LINE, Codes, Json, Number, Reason
from flashmail.errors import DraftNotFound, NeedsDecision

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

    from flashmail.campaigns.content import MailKit
    from flashmail.model import DryRun
    from flashmail.review.correction import Amendments

Yes = Annotated[
    bool, typer.Option("--yes", help="Approve what was drafted, and send it now.")
]

Words = Annotated[
    str, typer.Option("--words", help="What was wrong; it stands at the mail's head.")
]


@dataclass(frozen=True)
class Pass:
    """An approval at the command line: given or not, and the findings it overrides."""

    yes: bool
    override: list[str]
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
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.model import Draft
    from flashmail.review.preparation import SendRequest
    from flashmail.review.preparation import prepare as prepared
    from flashmail.settings import load

    settings = load(context.obj)
    engine = bootstrap.engine_with_topics(settings)
    with reading(engine) as session:
        found = session.get(Draft, draft)
    if found is None:
        raise DraftNotFound(f"there is no draft {draft}")
    now, who = datetime.now(UTC), AT_THE_COMMAND_LINE
    wish = SendRequest(draft, found.version, urgent=urgent)
    number = prepared(engine, bootstrap.mail_kit(settings), wish, by=who, now=now)
    if json:
        console.result({"campaign": number})
    console.note(
        f"campaign {number} is a draft: do a dry run, and approve it in the pages"
    )


def dry_run(context: typer.Context, number: Number, json: Json = False) -> None:
    """Do all but send a campaign, and say who would get it."""
    from flashmail import bootstrap
    from flashmail.cli import console
    from flashmail.database import reading
    from flashmail.model import DryRun
    from flashmail.review.dry_run import dry_run as run_dry_run
    from flashmail.settings import load

    settings = load(context.obj)
    engine = bootstrap.engine_with_topics(settings)
    with console.progress("Rehearsing") as advance:
        made = run_dry_run(
            engine,
            number,
            bootstrap.tokens(settings),
            by=AT_THE_COMMAND_LINE,
            now=datetime.now(UTC),
            advance=advance,
        )
    with reading(engine) as session:
        facts = _facts(session.get_one(DryRun, made))
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
    override: Codes = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Stop a campaign: the mended brief to the rest, a correction to who got it."""
    from flashmail import bootstrap
    from flashmail.cli.brief import read, show_doubts
    from flashmail.review.correction import CorrectionRequest
    from flashmail.review.correction import correct as corrected
    from flashmail.settings import load

    settings = load(context.obj)
    brief = read(context.obj, file)
    show_doubts(brief)
    engine = bootstrap.engine_with_topics(settings)
    now, who = datetime.now(UTC), AT_THE_COMMAND_LINE
    kit, fix = bootstrap.mail_kit(settings), CorrectionRequest(brief, words)
    made = corrected(engine, kit, number, fix, by=who, now=now)
    _tell(number, made, json=json)
    _go_on(engine, kit, made, Pass(yes, override or [], reason))


def retract(
    context: typer.Context,
    number: Number,
    words: Words,
    yes: Yes = False,
    override: Codes = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Stop a campaign, and take its brief back from who got it."""
    from flashmail import bootstrap
    from flashmail.review.correction import retract as retracted
    from flashmail.settings import load

    settings = load(context.obj)
    engine = bootstrap.engine_with_topics(settings)
    now, who = datetime.now(UTC), AT_THE_COMMAND_LINE
    kit = bootstrap.mail_kit(settings)
    made = retracted(engine, kit, number, words, by=who, now=now)
    _tell(number, made, json=json)
    _go_on(engine, kit, made, Pass(yes, override or [], reason))


def _tell(number: int, made: Amendments, *, json: bool) -> None:
    from flashmail.cli import console

    console.note(f"campaign {number} is stopped")
    if json:
        console.result({"campaign": number, "note": made.note, "rest": made.rest})


def _go_on(engine: Engine, kit: MailKit, made: Amendments, allowed: Pass) -> None:
    """Approve and queue what amends a campaign, or say that a person has to."""
    from flashmail.cli import console
    from flashmail.database import transaction

    drafts = [each for each in (made.note, made.rest) if each is not None]
    named = " and ".join(map(str, drafts))
    if not allowed.yes:
        raise NeedsDecision(f"approve campaign {named} in the pages, or with --yes")
    with transaction(engine) as session:
        for each in drafts:
            _approve(session, kit, each, allowed, datetime.now(UTC))
    for each in drafts:
        console.note(f"campaign {each} is scheduled; 'serve' or 'worker' sends it")


def _approve(
    session: Session, kit: MailKit, number: int, allowed: Pass, now: datetime
) -> None:
    from flashmail.campaigns import lifecycle
    from flashmail.cli.overrides import require_passed, tell
    from flashmail.review.preflight import preflight

    postal, who = kit.postal_address, AT_THE_COMMAND_LINE
    found = preflight(session, number, now=now, postal_address=postal, from_file=True)
    tell(found)
    passed = require_passed(found, allowed.override, allowed.reason)
    campaign = lifecycle.get_campaign(session, number)
    passed.record(session, campaign, links=kit.links, by=who, now=now)
    lifecycle.approve(session, number, campaign.content_hash, by=who, now=now)
    lifecycle.schedule(session, number, now, by=who, now=now)


def _facts(found: DryRun) -> dict[str, Any]:
    return {
        "campaign": found.campaign_id,
        "meant": found.audience_size,
        "usual": found.usual_size,
        "left_out": found.excluded,
        "refused": found.refused,
        "largest_mail": found.mail_sizes[1],
        "content": found.content_hash,
        "audience": found.audience_hash,
    }
