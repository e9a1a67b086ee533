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

from flashmail.database import get_or_raise
from flashmail.errors import DraftNotFound
from flashmail.model import Draft, DraftVersion

TYPED = "while typing"

#: Of what is saved while typing, one form in so long a time is kept.
KEPT_EVERY = timedelta(minutes=5)


def versions(session: Session, draft_id: int) -> list[DraftVersion]:
    """Return every form a draft had, the latest first."""
    return list(
        session.exec(
            select(DraftVersion)
            .where(DraftVersion.draft_id == draft_id)
            .order_by(col(DraftVersion.number).desc())
        )
    )


def version(session: Session, draft_id: int, number: int) -> DraftVersion:
    """Return one form of a draft."""
    key, words = (draft_id, number), f"brief {draft_id} has no version {number}"
    return get_or_raise(session, DraftVersion, key, DraftNotFound, words)


def before(session: Session, this: DraftVersion) -> DraftVersion | None:
    """Return the form that was current before this one."""
    return session.exec(
        _latest(this.draft_id)
        .where(col(DraftVersion.number) < this.number)
        .where(col(DraftVersion.conflicting).is_(False))
    ).first()


def is_stale(session: Session, draft: Draft, version: int, editor_tab: str) -> bool:
    """Whether another tab saved something since: what is typed comes in late."""
    if draft.version == version:
        return False
    others = (
        select(DraftVersion.number)
        .where(DraftVersion.draft_id == draft.id)
        .where(col(DraftVersion.number) > version)
        .where(col(DraftVersion.conflicting).is_(False))
        .where(col(DraftVersion.editor_tab) != editor_tab)
    )
    return not editor_tab or version < 1 or session.exec(others).first() is not None


def keep(
    session: Session,
    draft: Draft,
    markdown: str,
    *,
    by: str,
    now: datetime,
    origin: str,
    editor_tab: str = "",
) -> None:
    assert draft.id is not None
    session.add(
        DraftVersion(
            editor_tab=editor_tab,
            draft_id=draft.id,
            number=draft.version,
            markdown=markdown,
            at=now,
            saved_by=by,
            origin=origin,
        )
    )
    session.flush()


def save_conflicting(
    session: Session, draft: Draft, markdown: str, *, by: str, now: datetime
) -> int:
    assert draft.id is not None
    last = session.exec(_latest(draft.id)).first()
    if last is None or not last.conflicting or last.saved_by != by:
        number = next_number(session, draft.id)
        last = DraftVersion(
            draft_id=draft.id,
            number=number,
            markdown="",
            at=now,
            saved_by=by,
            origin="refused: another was saved first",
            conflicting=True,
        )
    last.markdown, last.at = markdown, now
    session.add(last)
    session.flush()
    return last.number


def forget_typing(session: Session, draft: Draft, by: str, editor_tab: str) -> None:
    """Drop what was saved while typing a moment ago, if there is a form near it."""
    assert draft.id is not None
    two = session.exec(_latest(draft.id).limit(2)).all()
    if len(two) < 2:
        return
    last, before = two
    same = (last.saved_by, last.editor_tab) == (by, editor_tab)
    typed = last.number == draft.version and last.origin == TYPED and same
    if typed and last.at - before.at < KEPT_EVERY:
        session.execute(
            delete(DraftVersion)
            .where(col(DraftVersion.draft_id) == draft.id)
            .where(col(DraftVersion.number) == last.number)
        )


def next_number(session: Session, draft_id: int) -> int:
    latest = select(func.max(DraftVersion.number)).where(
        DraftVersion.draft_id == draft_id
    )
    return (session.exec(latest).one() or 0) + 1


def _latest(draft_id: int) -> SelectOfScalar[DraftVersion]:
    return (
        select(DraftVersion)
        .where(DraftVersion.draft_id == draft_id)
        .order_by(col(DraftVersion.number).desc())
    )


WORD = re.compile(r"\s+|[^\W_]+|.")

#: Comparing word by word takes the square of their number.
MOST_WORDS = 2_000

MOST_LINES = 3_000

#: How many equal lines are shown around what differs.
AROUND = 2


class DiffSpan(NamedTuple):
    """A run of words: `same`, `gone` or `new`."""

    kind: str
    text: str


class DiffLine(NamedTuple):
    """A line of either form, in pieces; `skipped` counts equal lines left out here."""

    pieces: tuple[DiffSpan, ...]
    skipped: int = 0

    @property
    def kind(self) -> str:
        """What became of the line as a whole."""
        kinds = {piece.kind for piece in self.pieces if piece.text.strip()}
        return kinds.pop() if len(kinds) == 1 else "changed" if kinds else "same"


def difference(before: str, after: str) -> list[DiffLine]:
    """Return what changed, with a little of what did not around it."""
    return list(_with_little_around(list(_rows(before, after))))


def _rows(before: str, after: str) -> Iterator[DiffLine]:
    old, new = before.split("\n"), after.split("\n")
    if max(len(old), len(new)) > MOST_LINES:
        yield DiffLine((DiffSpan("gone", before),))
        yield DiffLine((DiffSpan("new", after),))
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            yield from (DiffLine((DiffSpan("same", line),)) for line in old[a:b])
        else:
            yield from _changed(old[a:b], new[c:d])


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffLine]:
    for gone, come in zip_longest(old, new):
        if gone is None or come is None:
            kind = "new" if gone is None else "gone"
            yield DiffLine((DiffSpan(kind, come if gone is None else gone),))
        else:
            yield DiffLine(tuple(_words(gone, come)))


def _words(before: str, after: str) -> Iterator[DiffSpan]:
    old, new = WORD.findall(before), WORD.findall(after)
    if max(len(old), len(new)) > MOST_WORDS:
        yield from (DiffSpan("gone", before), DiffSpan("new", after))
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            yield DiffSpan("same", "".join(old[a:b]))
            continue
        if a < b:
            yield DiffSpan("gone", "".join(old[a:b]))
        if c < d:
            yield DiffSpan("new", "".join(new[c:d]))


def _with_little_around(rows: Sequence[DiffLine]) -> Iterator[DiffLine]:
    changed = [n for n, row in enumerate(rows) if row.kind != "same"]
    near = {m for n in changed for m in range(n - AROUND, n + AROUND + 1)}
    skipped = 0
    for n, row in enumerate(rows):
        if n in near:
            if skipped:
                yield DiffLine((), skipped)
            skipped = 0
            yield row
        else:
            skipped += 1
    if skipped and changed:
        yield DiffLine((), skipped)
