"""Halt and correct: the mended brief to the rest, a correction to its readers.

The first campaign is cancelled, so nobody else gets it. Two new ones follow, each to be
approved like any other: nobody is in both, and nobody in neither.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, exists, or_
from sqlmodel import select as select_correct

from flashmail import audit, briefs
from flashmail.audience.segment import Segment
from flashmail.briefs import Brief
from flashmail.campaigns import lifecycle
from flashmail.campaigns.audience import not_received
from flashmail.campaigns.briefs import store_brief_once
from flashmail.campaigns.content import CampaignContent, MailKit, compose
from flashmail.campaigns.content import create_campaign as campaigns_draft
from flashmail.campaigns.lifecycle import InvalidTransition, get_campaign
from flashmail.database import reading, transaction
from flashmail.errors import WrongInput
from flashmail.message import FIRST, TOKEN, mark
from flashmail.model import (
    AmendmentKind,
    Campaign,
    CampaignStatus,
    Delivery,
    Priority,
    StoredBrief,
)

#: A campaign in one of these has told somebody something that can be corrected.
BEGUN = (
    CampaignStatus.SENDING,
    CampaignStatus.PAUSED,
    CampaignStatus.SENT,
    CampaignStatus.CANCELLED,
)

#: Which template and which name in it the words of an amendment go to.
WORDS = {AmendmentKind.CORRECTION: "correction", AmendmentKind.RETRACTION: "retraction"}


@dataclass(frozen=True)
class Amendments:
    """The campaigns that amend another one; `rest` is None where all of it was sent."""

    note: int
    rest: int | None = None


@dataclass(frozen=True)
class CorrectionRequest:
    """What to say instead: the mended brief, and what was wrong with the first."""

    brief: Brief
    words: str
    draft_id: int | None = None
    version: int = 0


def correct(
    engine: Engine,
    kit: MailKit,
    campaign_id: int,
    fix: CorrectionRequest,
    *,
    by: str,
    now: datetime,
) -> Amendments:
    """Stop a campaign for good, and draft its correction and the rest of it.

    Everything is rendered first: if that fails, the campaign goes on or stays halted as
    it was, and nothing is half done.
    """
    first = _begun(engine, campaign_id)
    rest = _again(kit, first, fix.brief)
    note = _note(kit, first, fix.brief, fix.words, AmendmentKind.CORRECTION)
    with transaction(engine) as session:
        stopped = _stop(session, campaign_id, by, now)
        brief_id = store_brief_once(session, fix.brief, now=now)
        add = _Adding(session, campaign_id, brief_id, fix, by, now)
        remaining = (
            add(rest, AmendmentKind.REST)
            if stopped or _some_missed(first, session)
            else None
        )
        return Amendments(add(note, AmendmentKind.CORRECTION), remaining)


def retract(
    engine: Engine,
    kit: MailKit,
    campaign_id: int,
    words: str,
    *,
    by: str,
    now: datetime,
) -> Amendments:
    """Stop a campaign for good, and draft a mail that takes its brief back."""
    first = _begun(engine, campaign_id)
    with reading(engine) as session:
        stored = session.get(StoredBrief, first.brief_id) if first.brief_id else None
    if stored is None:
        raise WrongInput(f"campaign {campaign_id} has no brief to take back")
    fix = CorrectionRequest(briefs.read(stored.markdown), words)
    note = _note(kit, first, fix.brief, words, AmendmentKind.RETRACTION)
    with transaction(engine) as session:
        _stop(session, campaign_id, by, now)
        add = _Adding(session, campaign_id, stored.id, fix, by, now)
        return Amendments(add(note, AmendmentKind.RETRACTION))


def amendments(session: Session, campaign_id: int) -> list[Campaign]:
    """Return the campaigns that amend another one, but for those nobody got any of.

    One that had begun when it was cancelled counts: it told some people already, and
    the rest of its readers are to be told by correcting that one.
    """
    counts = or_(
        col(Campaign.status) != CampaignStatus.CANCELLED,
        col(Campaign.started_at).is_not(None),
    )
    rows = select_correct(Campaign).where(Campaign.amends_id == campaign_id, counts)
    return list(session.exec(rows.order_by(col(Campaign.id))))


def _begun(engine: Engine, campaign_id: int) -> Campaign:
    with reading(engine) as session:
        campaign = get_campaign(session, campaign_id)
        if campaign.status not in BEGUN or campaign.started_at is None:
            raise InvalidTransition(
                f"campaign {campaign_id} is {campaign.status}: there is nothing to"
                " correct that anybody got"
            )
        _require_uncorrected(session, campaign_id)
        return campaign


def _require_uncorrected(session: Session, campaign_id: int) -> None:
    if amendments(session, campaign_id):
        raise InvalidTransition(f"campaign {campaign_id} was corrected already")


def _stop(session: Session, campaign_id: int, by: str, now: datetime) -> bool:
    """Cancel what is still to be sent; return whether there was any."""
    # Two editors may want to correct it in the same moment: the second one has to wait.
    campaign = session.get_one(Campaign, campaign_id, with_for_update=True)
    _require_uncorrected(session, campaign_id)
    if campaign.status in (CampaignStatus.SENT, CampaignStatus.CANCELLED):
        return False
    lifecycle.cancel(session, campaign_id, by=by, now=now)
    campaign.note = f"halted by {by} to be corrected"
    return True


def _some_missed(campaign: Campaign, session: Session) -> bool:
    ours = exists().where(col(Delivery.campaign_id) == campaign.id, not_received())
    return bool(session.scalar(select_correct(ours)))


def _again(kit: MailKit, first: Campaign, brief: Brief) -> CampaignContent:
    return kit.draft(
        brief,
        Segment.from_json(first.audience),
        priority=Priority(first.priority),
        template=first.template,
    )


def _note(
    kit: MailKit, first: Campaign, brief: Brief, words: str, amends: AmendmentKind
) -> CampaignContent:
    """Render a correction or retraction, as an answer to each reader's first mail."""
    if not words.strip():
        raise WrongInput("say what was wrong: it stands at the head of the mail")
    template = WORDS[amends]
    rendered = kit.renderer.render(brief, template, extra={template: words})
    what = compose(
        rendered.message,
        rendered.destinations,
        segment=Segment.from_json(first.audience),
        topics=brief.topics,
        template=template,
        priority=Priority(first.priority),
        sender=kit.sender,
        links=kit.links,
    )
    headers = (*what.message.headers, *_thread(first))
    return replace(what, message=replace(what.message, headers=headers))


def _thread(first: Campaign) -> tuple[tuple[str, str], ...]:
    """Return the lines that put a mail below the first one (RFC 5322, 3.6.4)."""
    known = next((v for n, v in first.headers if n.lower() == "message-id"), "")
    if not known:
        return ()
    theirs = known.replace(mark(TOKEN), mark(FIRST))
    return (("In-Reply-To", theirs), ("References", theirs))


@dataclass(frozen=True)
class _Adding:
    """Adds amendments to one campaign."""

    session: Session
    first: int
    brief_id: int | None
    fix: CorrectionRequest
    by: str
    now: datetime

    def __call__(self, what: CampaignContent, amends: AmendmentKind) -> int:
        campaign = campaigns_draft(
            self.session, what, brief_id=self.brief_id, by=self.by, now=self.now
        )
        assert campaign.id is not None
        campaign.amends_id, campaign.amendment_kind = self.first, amends
        campaign.amendment_text = self.fix.words
        campaign.draft_id = self.fix.draft_id
        campaign.draft_version = self.fix.version
        audit.record(
            self.session,
            audit.of_campaign(self.first),
            f"draft the {amends}",
            by=self.by,
            now=self.now,
            campaign=campaign.id,
            words=self.fix.words,
        )
        return campaign.id
