"""Segments by their names: those of segments.toml, and those made in the page.

The file's are changed in the file. Of two with the same name neither is used before
one of them is called otherwise: nobody is mailed by mistake.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session, col, select

from flashmail import audit
from flashmail.audience.segment import Segment
from flashmail.audience.topics import topic_ids
from flashmail.errors import SegmentNotFound, WrongInput
from flashmail.model import SavedSegment

NAME_LIMIT = 100


def merged(session: Session, of_file: Mapping[str, Segment]) -> dict[str, Segment]:
    """Return all segments by name; the file's come first."""
    return dict(of_file) | {
        each.name: segment_of(each)
        for each in stored(session)
        if each.key not in _keys(of_file)
    }


def named(session: Session, of_file: Mapping[str, Segment], name: str) -> Segment:
    """Return a segment by its name, or say which ones there are."""
    if name in of_file and _called(session, key_of(name)) is not None:
        raise WrongInput(
            f"there are two segments {name!r}, in segments.toml and made in the page:"
            " call one of them otherwise"
        )
    known = merged(session, of_file)
    if name not in known:
        raise SegmentNotFound(
            f"there is no segment {name!r}; there are: {', '.join(known)}"
        )
    return known[name]


def stored(session: Session) -> list[SavedSegment]:
    """Return the segments made in the page, in the order of their names."""
    living = select(SavedSegment).where(col(SavedSegment.deleted_at).is_(None))
    return list(session.exec(living.order_by(col(SavedSegment.key))))


def segment_of(row: SavedSegment) -> Segment:
    return replace(Segment.from_json(row.rule), name=row.name)


def find(session: Session, segment_id: int) -> SavedSegment:
    """Return a segment made in the page that was not deleted."""
    row = session.get(SavedSegment, segment_id)
    if row is None or row.deleted_at is not None:
        raise SegmentNotFound(f"there is no segment {segment_id}")
    return row


def keep(
    session: Session,
    segment: Segment,
    *,
    taken: Collection[str],
    segment_id: int | None = None,
    by: str,
    now: datetime,
) -> SavedSegment:
    """Make a segment, or change that of a number; `taken` are the file's names."""
    _require_rule(session, segment)
    _require_name(session, segment.name, taken, but=segment_id)
    if segment_id is None:
        row = SavedSegment(
            name=segment.name,
            key=key_of(segment.name),
            rule={},
            created_at=now,
            created_by=by,
            changed_at=now,
            changed_by=by,
        )
    else:
        row = find(session, segment_id)
    before = {"name": row.name, "rule": row.rule}
    row.name, row.key, row.rule = segment.name, key_of(segment.name), segment.as_json()
    row.changed_at, row.changed_by = now, by
    session.add(row)
    action = "make" if segment_id is None else "change"
    detail = {"after": row.rule} | ({"before": before} if segment_id else {})
    audit.record(session, f"segment {row.name}", action, by=by, now=now, **detail)
    return row


def delete(session: Session, segment_id: int, *, by: str, now: datetime) -> None:
    """Take a segment out of use; it can be restored."""
    row = find(session, segment_id)
    row.deleted_at = now
    session.add(row)
    audit.record(session, f"segment {row.name}", "delete", by=by, now=now)


def restore(
    session: Session,
    segment_id: int,
    *,
    taken: Collection[str],
    by: str,
    now: datetime,
) -> SavedSegment:
    """Bring a deleted segment back, unless its name was given away meanwhile."""
    row = session.get(SavedSegment, segment_id)
    if row is None:
        raise SegmentNotFound(f"there is no segment {segment_id}")
    _require_name(session, row.name, taken, but=segment_id)
    row.deleted_at = None
    session.add(row)
    audit.record(session, f"segment {row.name}", "restore", by=by, now=now)
    return row


def key_of(name: str) -> str:
    """Return a name as it is compared: neither case nor spacing counts."""
    return " ".join(name.split()).casefold()


def _keys(names: Collection[str]) -> set[str]:
    return {key_of(name) for name in names}


def _called(session: Session, key: str) -> SavedSegment | None:
    living = select(SavedSegment).where(
        SavedSegment.key == key, col(SavedSegment.deleted_at).is_(None)
    )
    return session.exec(living).first()


def _require_rule(session: Session, segment: Segment) -> None:
    if segment.says_nothing:
        raise WrongInput("the segment says nothing: choose a topic or a condition")
    known = topic_ids(session)
    for name in segment.any + segment.all + segment.none:
        if name not in known:
            raise WrongInput(f"there is no topic {name!r}")


def _require_name(
    session: Session, name: str, taken: Collection[str], *, but: int | None
) -> None:
    if not name.strip() or not name.isprintable() or len(name) > NAME_LIMIT:
        raise WrongInput(f"give the segment a name of at most {NAME_LIMIT} characters")
    if key_of(name) in _keys(taken):
        raise WrongInput(f"segments.toml has a segment {name!r}: take another name")
    other = _called(session, key_of(name))
    if other is not None and other.id != but:
        raise WrongInput(f"there is a segment {other.name!r} already")
