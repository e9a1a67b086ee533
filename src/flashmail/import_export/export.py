"""Write people out as a roster; to bring it in again changes nothing."""

import csv
import json
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from sqlalchemy import Row, select
from sqlmodel import Session, SQLModel, col

from flashmail.audience import condition_sql
from flashmail.audience.segment import Segment
from flashmail.audience.selection import audience_query
from flashmail.audience.topics import SEPARATOR
from flashmail.import_export.files import guarded
from flashmail.import_export.formats import ALIASES
from flashmail.model import Frequency, Subscriber, Subscription, Topic

COLUMNS = (
    "id",
    "address",
    "name",
    "status",
    "time_zone",
    "language",
    "attributes",
)

_PEOPLE = SQLModel.metadata.tables[str(Subscriber.__tablename__)].c

#: People read from the database at once.
CHUNK = 2_000


def export(session: Session, out: TextIO, *, segment: Segment | None = None) -> None:
    """Write everybody as CSV, or only the audience of a segment.

    Cells that a spreadsheet could run are guarded, see `import_export.files`.
    """
    header, rows = table(session, segment=segment)
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([guarded(name) for name in header])
    for cells in rows:
        writer.writerow([guarded(cell) for cell in cells])


def table(
    session: Session, *, segment: Segment | None = None
) -> tuple[list[str], Iterator[list[str]]]:
    """Return the header of an export, and its rows as they are read, not guarded."""
    known = condition_sql.names(session)
    also = [name for name in known if name not in ALIASES]
    return [*ALIASES, *also], _rows(session, segment, also)


def _rows(
    session: Session, segment: Segment | None, also: Sequence[str]
) -> Iterator[list[str]]:
    for people in _chunks(session, segment):
        topics = _topics(session, [person.id for person in people])
        for person in people:
            yield _cells(person, topics.get(person.id, ()), also)


def _cells(person: Row[Any], topics: Sequence[str], also: Sequence[str]) -> list[str]:
    return [
        person.address,
        person.name,
        SEPARATOR.join(topics),
        person.status.value,
        person.time_zone,
        person.language,
        *(_text(person.attributes.get(name)) for name in also),
    ]


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _chunks(session: Session, segment: Segment | None) -> Iterator[Sequence[Row[Any]]]:
    people = select(*(_PEOPLE[name] for name in COLUMNS)).order_by(_PEOPLE["id"])
    if segment is not None:
        for some in _audience(session, segment):
            yield session.execute(people.where(_PEOPLE["id"].in_(some))).all()
        return
    last = 0
    while chunk := session.execute(
        people.where(_PEOPLE["id"] > last).limit(CHUNK)
    ).all():
        yield chunk
        last = chunk[-1].id


def _audience(session: Session, segment: Segment) -> Iterator[Sequence[int]]:
    """Yield the ids of a segment's members, some at a time.

    They are asked for once, and take eight bytes each: the query takes its second for
    a million, however few are read of it.
    """
    meant = audience_query(session, segment).order_by(col(Subscriber.id))
    rows = session.scalars(meant.execution_options(yield_per=CHUNK))
    ids = array("q", (each for each in rows if each is not None))
    for begin in range(0, len(ids), CHUNK):
        yield ids[begin : begin + CHUNK].tolist()


def _topics(session: Session, ids: Sequence[int]) -> dict[int, list[str]]:
    """Return the names of what each of these people follows, and how often."""
    rows = session.execute(
        select(
            col(Subscription.subscriber_id),
            col(Topic.name),
            col(Subscription.frequency),
        )
        .join(Topic, col(Topic.id) == col(Subscription.topic_id))
        .where(col(Subscription.subscriber_id).in_(ids))
        .order_by(col(Topic.id))
    )
    names: defaultdict[int, list[str]] = defaultdict(list)
    for subscriber_id, name, often in rows:
        instant = often is Frequency.INSTANT
        names[subscriber_id].append(name if instant else f"{name}:{often}")
    return names
