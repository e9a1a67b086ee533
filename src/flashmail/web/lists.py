"""Lists, a page at a time, by keyset: as quick at the millionth row as at the first."""

import binascii
import csv
import io
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from fastapi.responses import Response, StreamingResponse
from sqlalchemy import ColumnElement, Select, tuple_
from sqlmodel import Session

from flashmail.import_export.files import guarded

#: Rows that are written together.
ROWS_PER_CHUNK = 500


def as_csv(
    name: str, columns: Iterable[str], rows: Iterable[Iterable[object]]
) -> Response:
    """Return rows as a CSV file, as they come; no spreadsheet runs what is in them."""
    return StreamingResponse(
        _lines(columns, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _lines(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    for count, row in enumerate(rows, start=1):
        writer.writerow([guarded(str(cell)) for cell in row])
        if count % ROWS_PER_CHUNK == 0:
            yield _taken(out)
    yield _taken(out)


def _taken(out: io.StringIO) -> str:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text


Row = TypeVar("Row")

#: How many rows stand on a page.
ROWS_PER_PAGE = 50


@dataclass(frozen=True)
class SortOrder:
    """What a list is sorted by: a column, and a unique one for those that are equal.

    An index on (column, tie) makes it quick. Neither may be NULL.
    """

    column: Any
    tie: Any
    descending: bool = False

    def reversed(self) -> "SortOrder":
        return SortOrder(self.column, self.tie, not self.descending)

    def beyond(self, place: list[Any]) -> ColumnElement[bool]:
        """Return the condition for rows that come after a place."""
        here, there = tuple_(self.column, self.tie), tuple_(*place)
        return here < there if self.descending else here > there

    def terms(self) -> list[Any]:
        both = (self.column, self.tie)
        return [each.desc() if self.descending else each.asc() for each in both]


@dataclass(frozen=True)
class SortOrders:
    """What a list can be sorted by, as its address names it.

    "-" before a name is from the last to the first. `usual` is the order without a
    name.
    """

    by_name: Mapping[str, SortOrder]
    usual: str

    def chosen(self, asked: str) -> tuple[str, SortOrder]:
        """Return a name that there is, and what it means."""
        name = asked if asked.removeprefix("-") in self.by_name else self.usual
        order = self.by_name[name.removeprefix("-")]
        return name, order.reversed() if name.startswith("-") else order


@dataclass(frozen=True)
class ListPage(Generic[Row]):
    """A page of rows, and the cursors of its neighbours; empty where there is none."""

    rows: list[Row]
    before: str = ""
    after: str = ""


def listed(
    session: Session,
    statement: Select[Any],
    order: SortOrder,
    cursor: str = "",
    *,
    place: Callable[[Any], tuple[Any, Any]],
    size: int = ROWS_PER_PAGE,
) -> ListPage[Any]:
    """Return one page of what a statement selects.

    The statement has its filters, but neither order nor limit. `place` says where a row
    of it stands: its values of the order's two columns. A cursor that is not ours, or
    was cut short, leads to the first page.
    """
    backward, start = _read(cursor, order)
    way = order.reversed() if backward else order
    if start is not None:
        statement = statement.where(way.beyond(start))
    found = session.execute(statement.order_by(*way.terms()).limit(size + 1))
    single = len(statement.column_descriptions) == 1
    rows: list[Any] = list(found.scalars() if single else found)
    more, rows = len(rows) > size, rows[:size]
    if backward:
        rows.reverse()
    if not rows:
        return ListPage([])
    earlier, later = (more, True) if backward else (start is not None, more)
    return ListPage(
        rows,
        before=_write("b", place(rows[0])) if earlier else "",
        after=_write("a", place(rows[-1])) if later else "",
    )


def _write(way: str, values: tuple[Any, Any]) -> str:
    plain = [
        each.isoformat() if isinstance(each, datetime) else each for each in values
    ]
    return urlsafe_b64encode(json.dumps([way, *plain]).encode()).decode().rstrip("=")


def _read(cursor: str, order: SortOrder) -> tuple[bool, list[Any] | None]:
    with suppress(ValueError, TypeError, binascii.Error):
        way, *values = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        kinds = [_kind(each) for each in (order.column, order.tie)]
        if way in ("a", "b") and len(values) == len(kinds):
            pairs = zip(values, kinds, strict=True)
            return way == "b", [_as(kind, value) for value, kind in pairs]
    return False, None


def _kind(column: Any) -> type:
    kept_as = getattr(column.type, "impl_instance", column.type)
    kind: type = kept_as.python_type
    return kind


def _as(kind: type, value: Any) -> Any:
    if kind is datetime:
        return datetime.fromisoformat(value)
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind}")
    return value
