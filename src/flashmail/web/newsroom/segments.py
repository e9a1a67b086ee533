"""Segments: the list, one of them, and the page in which they are built by clicks."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlmodel import Session
from starlette.datastructures import FormData, QueryParams

from flashmail.audience import counts, saved_segments
from flashmail.audience.segment import (
    OPERATORS,
    ConditionRow,
    Segment,
    rows_of,
    where_of,
)
from flashmail.audience.topics import tree
from flashmail.bootstrap import count_everybody
from flashmail.errors import WrongInput
from flashmail.model import HeadcountKind, Role, SavedSegment
from flashmail.subscribers.explain import explain
from flashmail.tasks import TaskProgress
from flashmail.web.dependencies import (
    FileSegments,
    LongWork,
    Me,
    Now,
    Reading,
    UserName,
    Writing,
    may,
)
from flashmail.web.page import done, growth_of, page, part
from flashmail.web.policy import allow

router = APIRouter()

#: Fields are called topic:NAME and hold one of these, or nothing.
TOPIC = "topic:"

PARTS = ("any", "all", "none")


def segment_of(form: FormData | QueryParams) -> Segment:
    """Return the segment that a form describes. Raises WrongInput for what is none."""
    chosen: dict[str, list[str]] = {part: [] for part in PARTS}
    for name, value in form.multi_items():
        if name.startswith(TOPIC) and value in PARTS:
            chosen[str(value)].append(name.removeprefix(TOPIC))
    columns = [
        [str(each) for each in form.getlist(name)]
        for name in ("field", "operator", "value")
    ]
    where = where_of(
        (ConditionRow(*each) for each in zip(*columns, strict=False)),
        either=form.get("joined") == "or",
        text=str(form.get("where", "")),
    )
    return Segment(
        name=" ".join(str(form.get("name", "")).split()),
        where=where,
        **{part: tuple(names) for part, names in chosen.items()},
    )


async def _segment(request: Request) -> Segment:
    return segment_of(await request.form(max_files=0, max_fields=2000))


#: The segment that a posted form describes.
WantedSegment = Annotated[Segment, Depends(_segment)]


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
    known = saved_segments.merged(session, of_file)
    weeks = counts.growth(session, HeadcountKind.SEGMENT, now=now)
    return page(
        "segments",
        segments=known,
        of_file=of_file,
        heads=counts.latest(session, HeadcountKind.SEGMENT),
        growth={name: growth_of(weeks.get(name, ())) for name in known},
        one=one,
        other=other,
        common=_common(session, known, one, other),
        may_edit=may(me, Role.LIST_MANAGER),
    )


def _common(
    session: Session, known: Mapping[str, Segment], one: str, other: str
) -> counts.Overlap | None:
    if one not in known or other not in known:
        return None
    return counts.overlap(session, known[one], known[other])


@router.get("/segments/one", **allow(Role.VIEWER))
def show(
    session: Reading,
    of_file: FileSegments,
    now: Now,
    me: Me,
    name: str,
    address: str = "",
) -> Response:
    """Show a segment: its rule, its growth, and why somebody is in it or not."""
    segment = saved_segments.named(session, of_file, name)
    weeks = counts.growth(session, HeadcountKind.SEGMENT, now=now)
    rows = {each.name: each for each in saved_segments.stored(session)}
    return page(
        "segment",
        segment=segment,
        row=_about(rows.get(name)),
        growth=growth_of(weeks.get(name, ())),
        may_edit=may(me, Role.LIST_MANAGER),
        **_case(session, segment, address),
    )


@router.get("/segments/one/people", **allow(Role.VIEWER))
def readers(session: Reading, of_file: FileSegments, name: str) -> Response:
    """Return how many people a segment means now, and some of them."""
    segment = saved_segments.named(session, of_file, name)
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
    session: Writing,
    of_file: FileSegments,
    wanted: WantedSegment,
    user_name: UserName,
    now: Now,
) -> Response:
    """Keep a new segment."""
    kept = saved_segments.keep(session, wanted, taken=of_file, by=user_name, now=now)
    return done(_path(kept.name), f"The segment “{kept.name}” is there.")


@router.get("/segments/{segment_id}/edit", **allow(Role.LIST_MANAGER))
def edit(segment_id: int, session: Reading) -> Response:
    """Show the form for a segment that was made here."""
    kept = saved_segments.find(session, segment_id)
    return page(
        "segment-edit", **_form(session, saved_segments.segment_of(kept), kept.id)
    )


@router.post("/segments/{segment_id}", **allow(Role.LIST_MANAGER))
def save(
    segment_id: int,
    session: Writing,
    of_file: FileSegments,
    wanted: WantedSegment,
    user_name: UserName,
    now: Now,
) -> Response:
    """Change a segment that was made here."""
    kept = saved_segments.keep(
        session, wanted, taken=of_file, segment_id=segment_id, by=user_name, now=now
    )
    return done(_path(kept.name), "It is changed.")


@router.post("/segments/{segment_id}/delete", **allow(Role.LIST_MANAGER))
def delete(
    segment_id: int, session: Writing, user_name: UserName, now: Now
) -> Response:
    """Delete a segment that was made here; it can be restored."""
    saved_segments.delete(session, segment_id, by=user_name, now=now)
    undo = f"/segments/{segment_id}/restore"
    return done("/segments", "The segment is deleted.", undo=undo)


@router.post("/segments/{segment_id}/restore", **allow(Role.LIST_MANAGER))
def restore(
    segment_id: int,
    session: Writing,
    of_file: FileSegments,
    user_name: UserName,
    now: Now,
) -> Response:
    """Bring a deleted segment back."""
    kept = saved_segments.restore(
        session, segment_id, taken=of_file, by=user_name, now=now
    )
    return done(_path(kept.name), "It is back.")


def _path(name: str) -> str:
    return f"/segments/one?{urlencode({'name': name})}"


def _about(row: SavedSegment | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {"id": row.id, "by": row.changed_by, "at": row.changed_at}


def _look(session: Session, segment: Segment) -> dict[str, Any]:
    return {
        "seen": counts.preview_segment(session, segment),
        "nothing": segment.says_nothing,
    }


def _case(session: Session, segment: Segment, address: str) -> dict[str, Any]:
    if not address.strip():
        return {"address": "", "case": None, "wrong": ""}
    try:
        return {
            "address": address,
            "case": explain(session, address, segment),
            "wrong": "",
        }
    except WrongInput as problem:
        return {"address": address, "case": None, "wrong": str(problem)}


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
        "fields": counts.fields(session),
    }


@router.get("/topics", **allow(Role.VIEWER))
def topics(session: Reading, now: Now, me: Me) -> Response:
    """Show the tree, the followers of each topic, and how it grew."""
    heads = counts.latest(session, HeadcountKind.TOPIC)
    weeks = counts.growth(session, HeadcountKind.TOPIC, now=now)
    branches = tree(session)
    return page(
        "topics",
        branches=branches,
        heads=heads,
        growth={each.slug: growth_of(weeks.get(each.slug, ())) for each in branches},
        counted_at=max((each.counted_at for each in heads.values()), default=None),
        may_edit=may(me, Role.LIST_MANAGER),
    )


@router.post("/topics/count", **allow(Role.LIST_MANAGER))
def count_now(request: Request, tasks: LongWork, user_name: UserName) -> Response:
    """Count everybody now."""
    state = request.app.state

    def work(progress: TaskProgress) -> dict[str, Any]:
        count_everybody(state.engine, state.home, now=datetime.now(UTC))
        return {}

    return done(tasks.begin("Counting everybody", work, by=user_name, then="/topics"))
