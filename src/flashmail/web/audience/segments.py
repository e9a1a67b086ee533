"""Segments: the list, one of them, and the page in which they are built by clicks."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session

from flashmail.audience import headcount, look, segments
from flashmail.audience.reasons import why
from flashmail.audience.rule import OPERATORS, rows_of
from flashmail.audience.segment import Segment
from flashmail.audience.tree import tree
from flashmail.errors import WrongInput
from flashmail.model import Crowd, Role, StoredSegment
from flashmail.web.audience.growth import growth_of
from flashmail.web.audience.segment_form import WantedSegment, segment_of
from flashmail.web.dependencies import (
    FileSegments,
    Me,
    Now,
    Reading,
    Who,
    Writing,
    may,
)
from flashmail.web.page import done, page, part
from flashmail.web.policy import allow

router = APIRouter()


@router.get("/segments", **allow(Role.VIEWER))
def listing(
    session: Reading,
    of_file: FileSegments,
    now: Now,
    me: Me,
    one: str = "",
    other: str = "",
) -> Response:
    """List the segments with how many people each means; compare two of them."""
    known = segments.merged(session, of_file)
    weeks = headcount.growth(session, Crowd.SEGMENT, now=now)
    return page(
        "segments",
        segments=known,
        of_file=of_file,
        heads=headcount.latest(session, Crowd.SEGMENT),
        growth={name: growth_of(weeks.get(name, ())) for name in known},
        one=one,
        other=other,
        common=_common(session, known, one, other),
        may_edit=may(me, Role.LIST_MANAGER),
    )


def _common(
    session: Session, known: Mapping[str, Segment], one: str, other: str
) -> look.Overlap | None:
    if one not in known or other not in known:
        return None
    return look.overlap(session, known[one], known[other])


@router.get("/segments/one", **allow(Role.VIEWER))
def show(
    session: Reading, of_file: FileSegments, now: Now, me: Me, name: str, who: str = ""
) -> Response:
    """Show a segment: its rule, its growth, and why somebody is in it or not."""
    segment = segments.named(session, of_file, name)
    weeks = headcount.growth(session, Crowd.SEGMENT, now=now)
    rows = {each.name: each for each in segments.stored(session)}
    return page(
        "segment",
        segment=segment,
        row=_about(rows.get(name)),
        growth=growth_of(weeks.get(name, ())),
        may_edit=may(me, Role.LIST_MANAGER),
        **_case(session, segment, who),
    )


@router.get("/segments/one/people", **allow(Role.VIEWER))
def readers(session: Reading, of_file: FileSegments, name: str) -> Response:
    """Return how many people a segment means now, and some of them."""
    segment = segments.named(session, of_file, name)
    return part("segment-people", wrong="", **_look(session, segment))


@router.get("/segments/count", **allow(Role.VIEWER))
def count(session: Reading, request: Request) -> Response:
    """Return the same for the segment that a form describes so far."""
    try:
        found = _look(session, segment_of(request.query_params))
    except WrongInput as problem:
        return part("segment-people", wrong=str(problem), seen=None, nothing=False)
    return part("segment-people", wrong="", **found)


@router.get("/segments/row", **allow(Role.LIST_MANAGER))
def row() -> Response:
    """Return one more empty row for the form."""
    return part("segment-row", each=None, operators=OPERATORS)


@router.get("/segments/new", **allow(Role.LIST_MANAGER))
def new(session: Reading) -> Response:
    """Show the form for a new segment."""
    return page("segment-edit", **_form(session, Segment(), None))


@router.post("/segments", **allow(Role.LIST_MANAGER))
def make(
    session: Writing, of_file: FileSegments, wanted: WantedSegment, who: Who, now: Now
) -> Response:
    """Keep a new segment."""
    kept = segments.keep(session, wanted, taken=of_file, who=who, now=now)
    return done(_path(kept.name), f"The segment “{kept.name}” is there.")


@router.get("/segments/{segment_id}/edit", **allow(Role.LIST_MANAGER))
def edit(segment_id: int, session: Reading) -> Response:
    """Show the form for a segment that was made here."""
    kept = segments.find(session, segment_id)
    return page("segment-edit", **_form(session, segments.segment_of(kept), kept.id))


@router.post("/segments/{segment_id}", **allow(Role.LIST_MANAGER))
def save(
    segment_id: int,
    session: Writing,
    of_file: FileSegments,
    wanted: WantedSegment,
    who: Who,
    now: Now,
) -> Response:
    """Change a segment that was made here."""
    kept = segments.keep(
        session, wanted, taken=of_file, segment_id=segment_id, who=who, now=now
    )
    return done(_path(kept.name), "It is changed.")


@router.post("/segments/{segment_id}/delete", **allow(Role.LIST_MANAGER))
def delete(segment_id: int, session: Writing, who: Who, now: Now) -> Response:
    """Delete a segment that was made here; it can be restored."""
    segments.delete(session, segment_id, who=who, now=now)
    undo = f"/segments/{segment_id}/restore"
    return done("/segments", "The segment is deleted.", undo=undo)


@router.post("/segments/{segment_id}/restore", **allow(Role.LIST_MANAGER))
def restore(
    segment_id: int, session: Writing, of_file: FileSegments, who: Who, now: Now
) -> Response:
    """Bring a deleted segment back."""
    kept = segments.restore(session, segment_id, taken=of_file, who=who, now=now)
    return done(_path(kept.name), "It is back.")


def _path(name: str) -> str:
    return f"/segments/one?{urlencode({'name': name})}"


def _about(row: StoredSegment | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {"id": row.id, "by": row.changed_by, "at": row.changed_at}


def _look(session: Session, segment: Segment) -> dict[str, Any]:
    return {"seen": look.look(session, segment), "nothing": segment.says_nothing}


def _case(session: Session, segment: Segment, who: str) -> dict[str, Any]:
    if not who.strip():
        return {"who": "", "case": None, "wrong": ""}
    try:
        return {"who": who, "case": why(session, who, segment), "wrong": ""}
    except WrongInput as problem:
        return {"who": who, "case": None, "wrong": str(problem)}


def _form(session: Session, segment: Segment, segment_id: int | None) -> dict[str, Any]:
    found = rows_of(segment.where)
    return {
        "segment": segment,
        "segment_id": segment_id,
        "branches": [each for each in tree(session) if not each.retired],
        "rows": found.rows if found else (),
        "either": bool(found and found.either),
        "text": "" if found else segment.where,
        "operators": OPERATORS,
        "fields": look.fields(session),
    }
