"""The forms a draft had: kept, compared and put aside; what the desk stands on."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from flashmail.errors import NoSuchDraft
from flashmail.model import BriefDraft, BriefRevision

TYPED = "while typing"

#: Of what is saved while typing, one form in so long a time is kept.
KEPT_EVERY = timedelta(minutes=5)


def versions(session: Session, draft_id: int) -> list[BriefRevision]:
    """Return every form a draft had, the latest first."""
    return list(
        session.exec(
            select(BriefRevision)
            .where(BriefRevision.draft_id == draft_id)
            .order_by(col(BriefRevision.number).desc())
        )
    )


def version(session: Session, draft_id: int, number: int) -> BriefRevision:
    """Return one form of a draft."""
    kept = session.get(BriefRevision, (draft_id, number))
    if kept is None:
        raise NoSuchDraft(f"brief {draft_id} has no version {number}")
    return kept


def before(session: Session, this: BriefRevision) -> BriefRevision | None:
    """Return the form that was current before this one."""
    return session.exec(
        _latest(this.draft_id)
        .where(col(BriefRevision.number) < this.number)
        .where(col(BriefRevision.aside).is_(False))
    ).first()


def overtaken(session: Session, draft: BriefDraft, revision: int, screen: str) -> bool:
    """Whether another screen saved something since: what is typed comes in late."""
    if draft.revision == revision:
        return False
    others = (
        select(BriefRevision.number)
        .where(BriefRevision.draft_id == draft.id)
        .where(col(BriefRevision.number) > revision)
        .where(col(BriefRevision.aside).is_(False))
        .where(col(BriefRevision.screen) != screen)
    )
    return not screen or revision < 1 or session.exec(others).first() is not None


def keep(
    session: Session,
    draft: BriefDraft,
    markdown: str,
    *,
    who: str,
    now: datetime,
    origin: str,
    screen: str = "",
) -> None:
    assert draft.id is not None
    session.add(
        BriefRevision(
            screen=screen,
            draft_id=draft.id,
            number=draft.revision,
            markdown=markdown,
            at=now,
            who=who,
            origin=origin,
        )
    )
    session.flush()


def put_aside(
    session: Session, draft: BriefDraft, markdown: str, *, who: str, now: datetime
) -> int:
    assert draft.id is not None
    last = session.exec(_latest(draft.id)).first()
    if last is None or not last.aside or last.who != who:
        number = next_number(session, draft.id)
        last = BriefRevision(
            draft_id=draft.id,
            number=number,
            markdown="",
            at=now,
            who=who,
            origin="refused: another was saved first",
            aside=True,
        )
    last.markdown, last.at = markdown, now
    session.add(last)
    session.flush()
    return last.number


def forget_typing(session: Session, draft: BriefDraft, who: str, screen: str) -> None:
    """Drop what was saved while typing a moment ago, if there is a form near it."""
    assert draft.id is not None
    two = session.exec(_latest(draft.id).limit(2)).all()
    if len(two) < 2:
        return
    last, before = two
    same = (last.who, last.screen) == (who, screen)
    typed = last.number == draft.revision and last.origin == TYPED and same
    if typed and last.at - before.at < KEPT_EVERY:
        session.execute(
            delete(BriefRevision)
            .where(col(BriefRevision.draft_id) == draft.id)
            .where(col(BriefRevision.number) == last.number)
        )


def next_number(session: Session, draft_id: int) -> int:
    latest = select(func.max(BriefRevision.number)).where(
        BriefRevision.draft_id == draft_id
    )
    return (session.exec(latest).one() or 0) + 1


def _latest(draft_id: int) -> SelectOfScalar[BriefRevision]:
    return (
        select(BriefRevision)
        .where(BriefRevision.draft_id == draft_id)
        .order_by(col(BriefRevision.number).desc())
    )
