"""The form of a segment: topics by a word each, conditions as rows."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, QueryParams

from flashmail.audience.rule import Row, where_of
from flashmail.audience.segment import Segment

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
        (Row(*each) for each in zip(*columns, strict=False)),
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
