"""The desk: drafts are begun, saved, set back, put away and taken out again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, cast
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from flashmail import audit, briefs
from flashmail.audience.topics import topic_ids
from flashmail.briefs import Brief, BriefError, ParseWarning
from flashmail.drafts import versions
from flashmail.errors import DraftNotFound
from flashmail.model import Campaign, Draft


@dataclass(frozen=True)
class SaveResult:
    """The number of the form a draft has now, and of one in conflict with it, or 0."""

    version: int
    conflicting: int = 0


@dataclass(frozen=True)
class ParsedDraft:
    """What is understood of a draft's text; `problem` says why it is no brief."""

    brief: Brief | None
    problem: str = ""

    @property
    def topics(self) -> tuple[str, ...]:
        return self.brief.topics if self.brief else ()

    @property
    def doubts(self) -> tuple[ParseWarning, ...]:
        return self.brief.doubts if self.brief else ()


def topics(session: Session) -> list[str]:
    """Return the names of all topics, as they are suggested."""
    return sorted(topic_ids(session))


def read(session: Session, markdown: str) -> ParsedDraft:
    """Read a draft's text; one that is no brief is a draft nevertheless."""
    try:
        return ParsedDraft(briefs.read(markdown, topics=topics(session), name="draft"))
    except BriefError as error:
        return ParsedDraft(None, str(error).removeprefix("draft: "))


def begin(
    session: Session,
    markdown: str,
    *,
    by: str,
    now: datetime,
    original: str = "",
    doubts: tuple[ParseWarning, ...] = (),
) -> int:
    """Begin a draft; return its number.

    Where it was made from another text, that text is its first form, and `doubts` are
    about its lines.
    """
    reading = read(session, markdown)
    draft = Draft(
        title=_title(reading),
        markdown=markdown,
        topics=list(reading.topics),
        embargo_until=reading.brief.embargo if reading.brief else None,
        warnings=_open(doubts, reading, original),
        created_at=now,
        created_by=by,
        changed_at=now,
        changed_by=by,
    )
    session.add(draft)
    session.flush()
    assert draft.id is not None
    if original and original != markdown:
        versions.keep(session, draft, original, by=by, now=now, origin="as it came")
        draft.version += 1
    versions.keep(session, draft, markdown, by=by, now=now, origin="understood")
    audit.record(session, audit.of_draft(draft.id), "begin", by=by, now=now)
    return draft.id


def drafts(q: str = "", *, discarded: bool = False) -> SelectOfScalar[Draft]:
    """Return a query for drafts with these words in title or text, in any case."""
    wanted = select(Draft).where(
        col(Draft.discarded_at).is_not(None)
        if discarded
        else col(Draft.discarded_at).is_(None)
    )
    for word in q.split():
        wanted = wanted.where(col(Draft.markdown).icontains(word, autoescape=True))
    return wanted


def standing() -> ColumnElement[str]:
    """Return where a draft stands, for a query: what its last campaign is, if any."""
    last = (
        select(cast(Campaign.status, String))
        .where(col(Campaign.draft_id) == col(Draft.id))
        .order_by(col(Campaign.id).desc())
        .limit(1)
    )
    return func.coalesce(last.scalar_subquery(), "being written", type_=String)


def find(session: Session, draft_id: int, *, lock: bool = False) -> Draft:
    """Return a draft, or say that there is none of this number."""
    draft = session.get(Draft, draft_id, with_for_update=lock or None)
    if draft is None:
        raise DraftNotFound(f"there is no brief {draft_id}")
    return draft


def save(
    session: Session,
    draft_id: int,
    markdown: str,
    *,
    version: int,
    by: str,
    now: datetime,
    origin: str = "saved",
    editor_tab: str = "",
) -> SaveResult:
    """Save a draft that was `version` on the screen.

    Where another tab saved another form since, this one is kept as in conflict and
    nothing else happens: neither is lost.
    """
    draft = find(session, draft_id, lock=True)
    if draft.discarded_at or versions.is_stale(session, draft, version, editor_tab):
        aside = versions.save_conflicting(session, draft, markdown, by=by, now=now)
        return SaveResult(draft.version, aside)
    if draft.markdown == markdown:
        return SaveResult(draft.version)
    if origin == versions.TYPED:
        versions.forget_typing(session, draft, by, editor_tab)
    draft.version = versions.next_number(session, draft_id)
    draft.markdown = markdown
    draft.changed_at, draft.changed_by = now, by
    detail = _follow(draft, read(session, markdown))
    versions.keep(
        session, draft, markdown, by=by, now=now, origin=origin, editor_tab=editor_tab
    )
    if origin != versions.TYPED or detail:
        number = draft.version
        audit.record(
            session,
            audit.of_draft(draft_id),
            "save",
            by=by,
            now=now,
            version=number,
            **detail,
        )
    return SaveResult(draft.version)


def _follow(draft: Draft, reading: ParsedDraft) -> dict[str, list[str]]:
    """Bring what is known of a draft's text up to it; return what opens it to others.

    A text that is no brief, for the moment, leaves everything as it was.
    """
    if reading.brief is None:
        return {}
    before, after = draft.topics, list(reading.topics)
    draft.title, draft.topics = reading.brief.title, after
    draft.embargo_until = reading.brief.embargo
    return {"topics": after} if after != before else {}


def restore_version(
    session: Session,
    draft_id: int,
    number: int,
    *,
    version: int,
    by: str,
    now: datetime,
) -> SaveResult:
    """Give a draft an earlier form again; the one it has now stays in its versions."""
    earlier = versions.version(session, draft_id, number)
    origin = f"version {number} again"
    return save(
        session,
        draft_id,
        earlier.markdown,
        version=version,
        by=by,
        now=now,
        origin=origin,
    )


def discard(session: Session, draft_id: int, *, by: str, now: datetime) -> None:
    """Put a draft away; it can be taken out again."""
    find(session, draft_id, lock=True).discarded_at = now
    audit.record(session, audit.of_draft(draft_id), "discard", by=by, now=now)


def undiscard(session: Session, draft_id: int, *, by: str, now: datetime) -> None:
    """Take a draft out again that was put away."""
    find(session, draft_id, lock=True).discarded_at = None
    audit.record(session, audit.of_draft(draft_id), "take out", by=by, now=now)


def dismiss_warning(
    session: Session, draft_id: int, message: str, *, by: str, now: datetime
) -> None:
    """Note that somebody looked at a doubt: it is not shown any more."""
    draft = find(session, draft_id, lock=True)
    draft.warnings = [each for each in draft.warnings if each["message"] != message]
    audit.record(
        session,
        audit.of_draft(draft_id),
        "look at doubt",
        by=by,
        now=now,
        doubt=message,
    )


def _title(reading: ParsedDraft) -> str:
    return reading.brief.title if reading.brief else "Untitled"


def _open(
    doubts: tuple[ParseWarning, ...], reading: ParsedDraft, original: str
) -> list[dict[str, Any]]:
    """Return the doubts that the new text does not raise by itself."""
    lines = original.split("\n")
    raised = {doubt.message for doubt in reading.doubts}
    return [
        {
            "line": doubt.line,
            "message": doubt.message,
            "said": lines[doubt.line - 1].strip()[:300] if doubt.line else "",
        }
        for doubt in doubts
        if doubt.message not in raised
    ]
