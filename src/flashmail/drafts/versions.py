"""The forms a draft had: kept, compared and put aside; what the desk stands on."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import NamedTuple

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


WORD = re.compile(r"\s+|[^\W_]+|.")

#: Comparing word by word takes the square of their number.
MOST_WORDS = 2_000

MOST_LINES = 3_000

#: How many equal lines are shown around what differs.
AROUND = 2


class Piece(NamedTuple):
    """A run of words: `same`, `gone` or `new`."""

    kind: str
    text: str


class Row(NamedTuple):
    """A line of either form, in pieces; `skipped` counts equal lines left out here."""

    pieces: tuple[Piece, ...]
    skipped: int = 0

    @property
    def kind(self) -> str:
        """What became of the line as a whole."""
        kinds = {piece.kind for piece in self.pieces if piece.text.strip()}
        return kinds.pop() if len(kinds) == 1 else "changed" if kinds else "same"


def difference(before: str, after: str) -> list[Row]:
    """Return what changed, with a little of what did not around it."""
    return list(_with_little_around(list(_rows(before, after))))


def _rows(before: str, after: str) -> Iterator[Row]:
    old, new = before.split("\n"), after.split("\n")
    if max(len(old), len(new)) > MOST_LINES:
        yield Row((Piece("gone", before),))
        yield Row((Piece("new", after),))
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            yield from (Row((Piece("same", line),)) for line in old[a:b])
        else:
            yield from _changed(old[a:b], new[c:d])


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    for gone, come in zip_longest(old, new):
        if gone is None or come is None:
            kind = "new" if gone is None else "gone"
            yield Row((Piece(kind, come if gone is None else gone),))
        else:
            yield Row(tuple(_words(gone, come)))


def _words(before: str, after: str) -> Iterator[Piece]:
    old, new = WORD.findall(before), WORD.findall(after)
    if max(len(old), len(new)) > MOST_WORDS:
        yield from (Piece("gone", before), Piece("new", after))
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            yield Piece("same", "".join(old[a:b]))
            continue
        if a < b:
            yield Piece("gone", "".join(old[a:b]))
        if c < d:
            yield Piece("new", "".join(new[c:d]))


def _with_little_around(rows: Sequence[Row]) -> Iterator[Row]:
    changed = [n for n, row in enumerate(rows) if row.kind != "same"]
    near = {m for n in changed for m in range(n - AROUND, n + AROUND + 1)}
    skipped = 0
    for n, row in enumerate(rows):
        if n in near:
            if skipped:
                yield Row((), skipped)
            skipped = 0
            yield row
        else:
            skipped += 1
    if skipped and changed:
        yield Row((), skipped)
