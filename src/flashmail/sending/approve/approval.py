"""Approval: of what was rehearsed, byte for byte, and of those whom it meant.

Whoever joins after that gets nothing unless somebody says so: see `leave_out`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from flashmail.errors import WrongInput
from flashmail.model import (
    Campaign,
    Delivery,
    DeliveryState,
    Priority,
    Rehearsal,
    Subscriber,
)
from flashmail.rendering.finding import Finding
from flashmail.sending import campaigns
from flashmail.sending.approve import crowd
from flashmail.sending.approve.fresh import require_fresh_rehearsal
from flashmail.sending.approve.rehearsal import meant
from flashmail.sending.campaigns import NotWhatWasApproved, find, log_campaign
from flashmail.sending.engine.claim import changed
from flashmail.sending.engine.retry import reopen, require_open

#: Of people and lines so many are shown.
SHOWN = 20

#: The reason of a delivery to somebody who joined after the approval.
JOINED_LATER = "joined after the approval"

#: Ids in one statement.
CHUNK = 500


class Blocked(WrongInput):
    """Something about the campaign has to be mended first."""


@dataclass(frozen=True)
class Seen:
    """What was on the screen; `typed` is the number of people, where one types it."""

    rehearsal_id: int
    content: str
    audience: str
    typed: str = ""


@dataclass(frozen=True)
class Difference:
    """How a campaign differs from its rehearsal.

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


class Changed(NotWhatWasApproved):
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
    seen: Seen,
    *,
    findings: Iterable[Finding] = (),
    who: str,
    alone_because: str = "",
    now: datetime,
) -> None:
    """Approve what was rehearsed, or refuse it: TooOld, Changed, Blocked, WrongInput.

    Bound to it are every byte, the rule for the audience, and the people it meant.
    Somebody who left since then is no reason to look again; one more person is.
    """
    campaign = find(session, campaign_id)
    rehearsal = _rehearsal(session, campaign_id, seen)
    require_fresh_rehearsal(rehearsal, now=now)
    found = difference(session, campaign, rehearsal)
    if found.grows:
        raise Changed(campaign_id, found)
    _refuse_blocking(findings)
    _require_count(campaign, rehearsal, seen)
    campaigns.approve(session, campaign_id, seen.content, who=who, now=now)
    campaign.rehearsal_id = rehearsal.id
    detail = {"meant": rehearsal.meant, "audience": rehearsal.audience_digest}
    action = "approve alone" if alone_because else "approve the audience"
    reason = {"reason": alone_because} if alone_because else {}
    log_campaign(session, campaign_id, action, who=who, now=now, **detail, **reason)


def difference(
    session: Session, campaign: Campaign, rehearsal: Rehearsal
) -> Difference:
    """Return how a campaign, as it stands and would be sent now, was not rehearsed."""
    now = frozenset(meant(session, campaign))
    then = crowd.unpack(rehearsal.crowd)
    digest = campaigns.frozen(session, campaign).digest
    added = sorted(now - then)
    return Difference(
        lines=_lines(rehearsal, campaign),
        added=len(added),
        removed=len(then - now),
        names=_names(session, added[:SHOWN]),
        content_changed=digest != rehearsal.content_digest,
    )


def leave_out(session: Session, campaign: Campaign, *, now: datetime) -> int:
    """Skip whoever joined after the approval; return how many they are.

    To be called when the campaign was addressed. They stay in the account of it.
    """
    if campaign.rehearsal_id is None:
        return 0
    rehearsal = session.get_one(Rehearsal, campaign.rehearsal_id)
    whom = select(Delivery.subscriber_id).where(Delivery.campaign_id == campaign.id)
    addressed = crowd.read(session, whom)
    if crowd.digest(addressed) == rehearsal.audience_digest:
        return 0
    later = sorted(set(addressed) - crowd.unpack(rehearsal.crowd))
    for begin in range(0, len(later), CHUNK):
        session.execute(
            update(Delivery)
            .where(col(Delivery.campaign_id) == campaign.id)
            .where(col(Delivery.subscriber_id).in_(later[begin : begin + CHUNK]))
            .values(state=DeliveryState.SKIPPED, reason=JOINED_LATER, at=now)
            .execution_options(synchronize_session=False)
        )
    return len(later)


def include(session: Session, campaign_id: int, *, who: str, now: datetime) -> int:
    """Let those who joined after the approval have it too; return how many."""
    require_open(session, campaign_id)
    queued = session.execute(
        update(Delivery)
        .where(col(Delivery.campaign_id) == campaign_id)
        .where(col(Delivery.state) == DeliveryState.SKIPPED)
        .where(col(Delivery.reason) == JOINED_LATER)
        .values(state=DeliveryState.QUEUED, reason="", at=now)
        .execution_options(synchronize_session=False)
    )
    count = changed(queued)
    if count:
        reopen(session, campaign_id, now=now)
        log_campaign(session, campaign_id, "include", who=who, now=now, queued=count)
    return count


def joined_later(session: Session, campaign_id: int) -> int:
    """Return how many were left out because they joined after the approval."""
    rows = select(func.count()).where(
        col(Delivery.campaign_id) == campaign_id,
        col(Delivery.state) == DeliveryState.SKIPPED,
        col(Delivery.reason) == JOINED_LATER,
    )
    return session.scalar(rows) or 0


def _rehearsal(session: Session, campaign_id: int, seen: Seen) -> Rehearsal:
    rehearsal = session.get(Rehearsal, seen.rehearsal_id)
    if rehearsal is None or rehearsal.campaign_id != campaign_id:
        raise WrongInput(f"rehearse campaign {campaign_id} before it is approved")
    shown = (rehearsal.content_digest, rehearsal.audience_digest)
    if shown != (seen.content, seen.audience):
        raise NotWhatWasApproved("this form is not of that rehearsal: look again")
    return rehearsal


def _refuse_blocking(findings: Iterable[Finding]) -> None:
    blocking = [each.message for each in findings if each.blocks]
    if blocking:
        raise Blocked(f"mend this first: {'; '.join(blocking)}")


def _require_count(campaign: Campaign, rehearsal: Rehearsal, seen: Seen) -> None:
    if campaign.priority != Priority.URGENT:
        return
    typed = "".join(each for each in seen.typed if each.isdecimal())
    if typed != str(rehearsal.meant):
        raise WrongInput(
            f"urgent mail goes to {rehearsal.meant:,} people at once:"
            " type that number to approve it"
        )


def _names(session: Session, ids: Iterable[int]) -> tuple[str, ...]:
    rows = select(Subscriber.address).where(col(Subscriber.id).in_(list(ids)))
    return tuple(session.exec(rows.order_by(col(Subscriber.id))))


def _lines(rehearsal: Rehearsal, campaign: Campaign) -> tuple[str, ...]:
    before = [rehearsal.subject, *rehearsal.text.splitlines()]
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
