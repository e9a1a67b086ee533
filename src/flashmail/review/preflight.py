"""Preflight of a campaign: gather what the rules ask for, and let them speak."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import Engine
from sqlmodel import Session, col, func, or_, select

from flashmail import briefs
from flashmail.audience.condition_sql import asked_by, unknown
from flashmail.audience.segment import Segment
from flashmail.audience.selection import UnknownTopic, audience_query, bringing_ids
from flashmail.briefs import Brief, BriefError
from flashmail.campaigns import briefs as stored
from flashmail.campaigns import lifecycle
from flashmail.campaigns.content import CampaignContent, MailKit
from flashmail.campaigns.content import load_content as campaigns_frozen
from flashmail.campaigns.link_checks import request_checks
from flashmail.database import transaction
from flashmail.findings import Finding, blocking
from flashmail.message import fields
from flashmail.model import (
    Campaign,
    CampaignStatus,
    Draft,
    LinkCheck,
    LinkState,
    Priority,
    QuoteApproval,
    StoredBrief,
)
from flashmail.preflight import Facts, LinkFact, examine
from flashmail.rendering import RenderError
from flashmail.rendering.template_files import ATTRIBUTE

#: Among so many of the latest drafts the same words are looked for.
QUOTES_LOOKED_AT = 100


def approved(session: Session, brief: Brief | None) -> frozenset[str]:
    """Return the quotes that somebody approved, by their hashes."""
    hashes = [quote.content_hash for quote in brief.quotes] if brief else []
    known = select(QuoteApproval.quote_hash).where(
        col(QuoteApproval.quote_hash).in_(hashes)
    )
    return frozenset(session.exec(known))


def answered_for(session: Session, brief: Brief | None) -> frozenset[str]:
    """Return the quotes that the sender of a file answers for.

    A file has no place in which an approval is noted. What is written here as well has
    one: the words in a draft wait for it, and a file does not get around that.
    """
    quotes = brief.quotes if brief else ()
    people = [quote.person for quote in quotes if quote.person]
    return frozenset(quote.content_hash for quote in quotes) - _in_drafts(
        session, people
    )


def _in_drafts(session: Session, people: list[str]) -> frozenset[str]:
    """Return the quotes in drafts that name one of these people."""
    named = [col(Draft.markdown).contains(each, autoescape=True) for each in people]
    if not named:
        return frozenset()
    texts = session.exec(
        select(Draft.markdown)
        .where(col(Draft.discarded_at).is_(None), or_(*named))
        .order_by(col(Draft.changed_at).desc())
        .limit(QUOTES_LOOKED_AT)
    )
    return frozenset(each for text in texts for each in _quote_hashes(text))


def _quote_hashes(markdown: str) -> list[str]:
    try:
        return [quote.content_hash for quote in briefs.read(markdown).quotes]
    except BriefError:
        return []


#: How many campaigns say what an audience usually is; of fewer, nothing is usual.
COMPARED, FEWEST = 20, 3

#: Among how many of the latest campaigns those of the same topics are looked for.
LOOKED_AT = 200

MONTH = timedelta(days=30)

#: A link that was alive longer ago may be dead by now.
STALE = timedelta(hours=24)

#: What the renderer says of a mail that must not be, and the code for it here.
UNFIT = (
    ("begins with https://", "relative-link"),
    ("is the most: Gmail", "size"),
    ("way to unsubscribe", "unsubscribe"),
    ("postal address", "postal-address"),
)

LINK = re.compile(r"the link '([^']+)'")

#: The code for a topic that topics.toml does not have.
UNKNOWN_TOPIC = "unknown-topic"

GOES_OUT = (CampaignStatus.SENDING, CampaignStatus.SENT, CampaignStatus.PAUSED)


@dataclass(frozen=True)
class PreflightContext:
    """What the caller knows of a mail besides what it says.

    `postal_address` is the installation's. `audience` is how many would get it, if
    somebody counted already; `own` a campaign that is not to be held against itself.
    `peopled` is false where there are no subscribers to be counted, `from_file` true
    where the brief is no draft of ours, `uncounted` while others count the audience.
    """

    postal_address: str = ""
    markdown: str = ""
    embargo_until: datetime | None = None
    audience: int | None = None
    own: int = 0
    peopled: bool = True
    from_file: bool = False
    uncounted: bool = False


def preflight(
    session: Session,
    campaign_id: int,
    *,
    now: datetime,
    moment: datetime | None = None,
    postal_address: str = "",
    from_file: bool = False,
    audience: int | None = None,
) -> tuple[Finding, ...]:
    """Return what is to be mended or thought about before this campaign goes out.

    `moment` is when it is meant to leave: unless given, when it is scheduled for, else
    now. `audience` is how many it means, where somebody counted them. Whatever `blocks`
    keeps it from being approved.
    """
    campaign = lifecycle.get_campaign(session, campaign_id)
    stored = session.get(StoredBrief, campaign.brief_id) if campaign.brief_id else None
    around = PreflightContext(
        postal_address=postal_address,
        markdown=stored.markdown if stored else "",
        embargo_until=stored.embargo_until if stored else None,
        audience=audience,
        own=campaign_id,
        from_file=from_file,
    )
    what = campaigns_frozen(session, campaign)
    brief = briefs.read(stored.markdown) if stored else None
    return check_content(
        session, what, brief, around, now=now, moment=moment or campaign.send_at
    )


def check_draft(
    session: Session,
    kit: MailKit,
    brief: Brief,
    segment: Segment,
    around: PreflightContext,
    *,
    now: datetime,
    moment: datetime | None = None,
    priority: Priority = Priority.NORMAL,
    template: str = "",
) -> tuple[Finding, ...]:
    """Return the findings for a brief that somebody is still writing."""
    try:
        what = kit.draft(brief, segment, priority=priority, template=template)
    except RenderError as error:
        return (_unfit(error, around.markdown),)
    try:
        return check_content(session, what, brief, around, now=now, moment=moment)
    except UnknownTopic as error:
        return (blocking(UNKNOWN_TOPIC, f"{error}: choose another topic"),)


def _unfit(error: RenderError, markdown: str) -> Finding:
    """Say why a brief makes no mail, under the same code as of one that it makes."""
    code = next((code for sign, code in UNFIT if sign in error.message), "unfit")
    link = LINK.search(error.message)
    words = link[1].removesuffix("...") if link else ""
    lines = markdown.split("\n") if words else []
    where = next((f"line {n}" for n, line in enumerate(lines, 1) if words in line), "")
    return blocking(code, f"it makes no mail: {error}", where)


def have_links_followed(
    engine: Engine, kit: MailKit, brief: Brief, *, now: datetime
) -> None:
    """Have every link followed that a mail of this brief would have."""
    try:
        # Rendered first: nobody is kept from writing meanwhile.
        urls = kit.draft(brief, Segment()).destinations
    except RenderError:
        return  # no mail, no links; the findings say why
    with transaction(engine) as session:
        request_checks(session, urls, now=now)


def check_content(
    session: Session,
    what: CampaignContent,
    brief: Brief | None,
    around: PreflightContext,
    *,
    now: datetime,
    moment: datetime | None = None,
) -> tuple[Finding, ...]:
    """Return the findings for a mail that is no campaign yet."""
    urgent = what.priority is Priority.URGENT
    audience = around.audience
    bringing_ids(session, what.segment.bringing)  # a request for no topic of ours
    if audience is None and around.peopled and not around.uncounted:
        audience = _people(session, what)
    shown, asked = _attributes(what)
    return examine(
        Facts(
            message=what.message,
            moment=moment or now,
            now=now,
            template=what.template,
            destinations=what.destinations,
            brief=brief,
            markdown=around.markdown,
            postal_address=around.postal_address,
            embargo_until=around.embargo_until,
            approved_quotes=approved(session, brief),
            answered_for=(
                answered_for(session, brief) if around.from_file else frozenset()
            ),
            segment_asks=asked,
            unknown_attributes=(
                unknown(session, shown | asked) if around.peopled else frozenset()
            ),
            links=link_facts(session, what.destinations, now=now),
            audience=audience,
            usual=usual_audience(session, what, own=around.own),
            urgent=urgent,
            urgent_this_month=_urgent(session, now, own=around.own) if urgent else 0,
            sent_before=_sent_before(session, brief, own=around.own),
        )
    )


def link_facts(
    session: Session, urls: Iterable[str], *, now: datetime
) -> Mapping[str, LinkFact]:
    """Return what is known of links; what was found out too long ago counts no more."""
    rows = session.exec(select(LinkCheck).where(col(LinkCheck.url).in_(list(urls))))
    return {each.url: _fact(each, now) for each in rows}


def usual_audience(
    session: Session, what: CampaignContent, *, own: int = 0
) -> int | None:
    """Return the median audience of the last comparable campaigns, if there are enough.

    Comparable are those with a topic in common; where they are few, all of the same
    frequency.
    """
    rows = session.execute(
        select(col(Campaign.topics), col(Campaign.recipient_count))
        .where(col(Campaign.status).in_(GOES_OUT))
        .where(col(Campaign.frequency) == what.frequency)
        .where(col(Campaign.recipient_count) > 0)
        .where(col(Campaign.id) != own)
        .order_by(col(Campaign.id).desc())
        .limit(LOOKED_AT)
    ).all()
    alike = [n for topics, n in rows if set(topics) & set(what.topics)]
    chosen = alike if len(alike) >= FEWEST else [n for _, n in rows]
    if len(chosen) < FEWEST:
        return None
    return int(median(chosen[:COMPARED]))


def _attributes(what: CampaignContent) -> tuple[frozenset[str], frozenset[str]]:
    """Return the attributes that a mail shows, and those that its segment goes by."""
    used = fields(what.message.html) | fields(what.message.text)
    shown = [name for name in used if name.startswith(ATTRIBUTE)]
    return (
        frozenset(name.removeprefix(ATTRIBUTE) for name in shown),
        asked_by(what.segment.condition),
    )


def _fact(check: LinkCheck, now: datetime) -> LinkFact:
    if check.checked_at is None or now - check.checked_at > STALE:
        return LinkFact(LinkState.ASKED, check.note, check.checked_at)
    return LinkFact(check.state, check.note, check.checked_at)


def _people(session: Session, what: CampaignContent) -> int:
    urgent = what.priority is Priority.URGENT
    meant = audience_query(session, what.segment, urgent=urgent)
    counted = select(func.count()).select_from(meant.subquery())
    return session.exec(counted).one()


def _urgent(session: Session, now: datetime, *, own: int) -> int:
    return session.exec(
        select(func.count())
        .select_from(Campaign)
        .where(col(Campaign.priority) == Priority.URGENT)
        .where(col(Campaign.started_at) > now - MONTH)
        .where(col(Campaign.id) != own)
    ).one()


def _sent_before(session: Session, brief: Brief | None, *, own: int) -> tuple[int, ...]:
    if brief is None:
        return ()
    known = stored.campaigns_with_text(session, briefs.write_markdown(brief))
    return tuple(each.id for each in known if each.id not in (None, own))
