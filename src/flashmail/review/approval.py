"""Approval: of a dry run, byte for byte, and of its audience.

Late joiners get nothing unless they are included: see `skip_late_joiners`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff

from sqlalchemy import CursorResult, update
from sqlmodel import Session, col, select
from sqlmodel import select as select_approval

from flashmail import audit
from flashmail.campaigns import audience as audiences
from flashmail.campaigns import lifecycle
from flashmail.campaigns.content import load_content as campaigns_frozen
from flashmail.campaigns.lifecycle import (
    NotWhatWasApproved,
    get_campaign,
    require_fresh_dry_run,
)
from flashmail.errors import WrongInput
from flashmail.findings import Finding
from flashmail.links import Links
from flashmail.model import Campaign, DryRun, Priority, SelfApproval, Subscriber
from flashmail.review.dry_run import audience_of
from flashmail.transactional import queue

#: Of people and lines so many are shown.
SHOWN = 20


class BlockedByPreflight(WrongInput):
    """Something about the campaign has to be mended first."""


@dataclass(frozen=True)
class ReviewedState:
    """What was on the screen; `typed` is the number of people, where one types it."""

    dry_run_id: int
    content: str
    audience: str
    typed: str = ""


@dataclass(frozen=True)
class Difference:
    """How a campaign differs from its dry run.

    `lines` are those of the text that differ; `added` and `removed` count people, and
    the names are some of those added.
    """

    lines: tuple[str, ...]
    added: int
    removed: int
    names: tuple[str, ...]
    content_changed: bool

    @property
    def grows(self) -> bool:
        """Whether more would go out, or other words, than was looked at."""
        return self.content_changed or self.added > 0


class ContentChanged(NotWhatWasApproved):
    """The campaign is not what its approver saw; `difference` says how."""

    def __init__(self, campaign_id: int, difference: Difference) -> None:
        super().__init__(
            f"campaign {campaign_id} is not what you saw: {_in_words(difference)}."
            " Nothing was approved. Rehearse it again, and look"
        )
        self.difference = difference


def approve(
    session: Session,
    campaign_id: int,
    seen: ReviewedState,
    *,
    findings: Iterable[Finding] = (),
    by: str,
    alone_because: str = "",
    now: datetime,
) -> None:
    """Approve what was rehearsed, or refuse it: TooOld, Changed, Blocked, WrongInput.

    Bound to it are every byte, the rule for the audience, and the people it meant.
    A reader that left since then is no reason to look again; one more reader is.
    """
    campaign = get_campaign(session, campaign_id)
    dry_run = _dry_run(session, campaign_id, seen)
    require_fresh_dry_run(dry_run, now=now)
    found = difference(session, campaign, dry_run)
    if found.grows:
        raise ContentChanged(campaign_id, found)
    _refuse_blocking(findings)
    _require_count(campaign, dry_run, seen)
    lifecycle.approve(session, campaign_id, seen.content, by=by, now=now)
    campaign.dry_run_id = dry_run.id
    detail = {"meant": dry_run.audience_size, "audience": dry_run.audience_hash}
    action = "approve alone" if alone_because else "approve the audience"
    reason = {"reason": alone_because} if alone_because else {}
    audit.record(
        session,
        audit.of_campaign(campaign_id),
        action,
        by=by,
        now=now,
        **detail,
        **reason,
    )


def difference(session: Session, campaign: Campaign, dry_run: DryRun) -> Difference:
    """Return how a campaign, as it stands and would be sent now, was not rehearsed."""
    now = frozenset(audience_of(session, campaign))
    then = audiences.unpack_ids(dry_run.audience_ids)
    content_hash = campaigns_frozen(session, campaign).content_hash
    added = sorted(now - then)
    return Difference(
        lines=_lines(dry_run, campaign),
        added=len(added),
        removed=len(then - now),
        names=_names(session, added[:SHOWN]),
        content_changed=content_hash != dry_run.content_hash,
    )


def _dry_run(session: Session, campaign_id: int, seen: ReviewedState) -> DryRun:
    dry_run = session.get(DryRun, seen.dry_run_id)
    if dry_run is None or dry_run.campaign_id != campaign_id:
        raise WrongInput(f"rehearse campaign {campaign_id} before it is approved")
    shown = (dry_run.content_hash, dry_run.audience_hash)
    if shown != (seen.content, seen.audience):
        raise NotWhatWasApproved("this form is not of that dry run: look again")
    return dry_run


def _refuse_blocking(findings: Iterable[Finding]) -> None:
    blocking = [each.message for each in findings if each.blocks]
    if blocking:
        raise BlockedByPreflight(f"mend this first: {'; '.join(blocking)}")


def _require_count(campaign: Campaign, dry_run: DryRun, seen: ReviewedState) -> None:
    if campaign.priority != Priority.URGENT:
        return
    typed = "".join(each for each in seen.typed if each.isdecimal())
    if typed != str(dry_run.audience_size):
        raise WrongInput(
            f"urgent mail goes to {dry_run.audience_size:,} people at once:"
            " type that number to approve it"
        )


def _names(session: Session, ids: Iterable[int]) -> tuple[str, ...]:
    rows = select_approval(Subscriber.address).where(col(Subscriber.id).in_(list(ids)))
    return tuple(session.exec(rows.order_by(col(Subscriber.id))))


def _lines(dry_run: DryRun, campaign: Campaign) -> tuple[str, ...]:
    before = [dry_run.subject, *dry_run.text.splitlines()]
    after = [campaign.subject, *campaign.text.splitlines()]
    differing = unified_diff(before, after, lineterm="", n=0)
    return tuple(
        each for each in differing if not each.startswith(("---", "+++", "@@"))
    )


def _in_words(found: Difference) -> str:
    said = []
    if found.content_changed:
        said.append("its content was changed")
    if found.added:
        said.append(f"{found.added:,} more people would get it")
    if found.removed:
        said.append(f"{found.removed:,} would get it no more")
    return ", ".join(said)


TOLD = """{who} approved this campaign without a second person:

{subject}

The reason: {reason}

It can still be halted: {address}

Somebody else has to look at it afterwards, and say so there."""


class AlreadyReviewed(WrongInput):
    """Somebody has looked at it already, or it is one's own."""


def record_self_approval(
    session: Session,
    campaign: Campaign,
    reason: str,
    *,
    told: Iterable[str],
    links: Links,
    by: str,
    now: datetime,
) -> None:
    """Keep that somebody approved alone, and tell everybody by mail."""
    assert campaign.id is not None
    kept = SelfApproval(campaign_id=campaign.id, approved_by=by, reason=reason, at=now)
    session.add(kept)
    queue.notify_staff(
        session,
        told,
        f"Approved alone: {campaign.subject}",
        TOLD.format(
            who=by,
            subject=campaign.subject,
            reason=reason,
            address=f"{links.base_url}/campaigns/{campaign.id}",
        ),
        by=by,
        now=now,
    )


def of(session: Session, campaign_id: int) -> SelfApproval | None:
    """Return the last lone approval of a campaign."""
    rows = select(SelfApproval).where(SelfApproval.campaign_id == campaign_id)
    return session.exec(rows.order_by(col(SelfApproval.id).desc()).limit(1)).first()


def unreviewed(session: Session) -> list[tuple[SelfApproval, str]]:
    """Return what nobody else has looked at yet, with the campaign's subject."""
    rows = session.execute(
        select(SelfApproval, col(Campaign.subject))
        .join(Campaign, col(Campaign.id) == col(SelfApproval.campaign_id))
        .where(col(SelfApproval.reviewed_at).is_(None))
        .order_by(col(SelfApproval.id))
    )
    return [(approval, subject) for approval, subject in rows]


def acknowledge(
    session: Session, approval_id: int, *, alone: bool, by: str, now: datetime
) -> None:
    """Tick a lone approval off. Nobody ticks their own, unless there is nobody else."""
    rows = (
        update(SelfApproval)
        .where(col(SelfApproval.id) == approval_id)
        .where(col(SelfApproval.reviewed_at).is_(None))
    )
    if not alone:
        rows = rows.where(col(SelfApproval.approved_by) != by)
    result = session.execute(rows.values(reviewed_by=by, reviewed_at=now))
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise AlreadyReviewed("it was looked at already, or is your own")
    approval = session.get_one(SelfApproval, approval_id)
    audit.record(
        session, audit.of_campaign(approval.campaign_id), "review", by=by, now=now
    )
