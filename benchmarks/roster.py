"""Bringing a roster in, against a loop that looks up and adds one row at a time."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from email_validator import validate_email
from sqlalchemy import Engine, text
from sqlmodel import Session, func, select

from benchmarks.measure import Cost, Figure, Goal, by_clock, in_turns, timed
from benchmarks.run import POSTGRESQL, SQLITE, Run
from benchmarks.stock import TOPICS
from flashmail.database import is_sqlite, transaction
from flashmail.import_export import import_rosters
from flashmail.model import Subscriber, Subscription, Topic

#: The loop is measured with few rows: it would take minutes for all.
ROWS, LOOP_ROWS = 200_000, 1_000

#: Addresses are at so many domains.
DOMAINS = 1000

GOALS = {SQLITE: Goal(ratio=50), POSTGRESQL: Goal(ratio=40)}

TABLES = "subscription", "subscriber"


def figures(run: Run) -> Iterator[Figure]:
    folder = run.place("roster")
    large = written(folder / "large.csv", run.size(ROWS))
    small = written(folder / "small.csv", run.size(LOOP_ROWS))
    for kind in run.kinds:
        engine = _engine(run, kind)
        ways = {
            "ours": partial(_ours, engine, large, run.size(ROWS)),
            "loop": partial(_loop, engine, small, run.size(LOOP_ROWS)),
        }
        costs = in_turns(ways, run.few(3))
        yield by_clock(
            f"import, {kind}",
            "an ORM loop that checks, looks up, adds and commits each row",
            costs["ours"],
            costs["loop"],
            goal=GOALS[kind],
            remark=f" a row, of {run.size(ROWS):,} and {run.size(LOOP_ROWS):,}",
        )


def written(path: Path, rows: int) -> Path:
    """Write a roster of so many people."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "name", "topics"])
        for n in range(rows):
            address = f"reader{n}@domain{n % DOMAINS}.example.org"
            writer.writerow([address, f"Reader {n}", f"Topic {n % 49 + 2}"])
    return path


def _engine(run: Run, kind: str) -> Engine:
    engine = run.empty(kind, "roster_database")
    with transaction(engine) as session:
        for number, name in enumerate(TOPICS, start=1):
            session.add(Topic(id=number, name=name, slug=f"topic-{number}"))
    return engine


def _ours(engine: Engine, path: Path, rows: int) -> Cost:
    _forget(engine)
    cost = timed(lambda: import_rosters(engine, [path], now=datetime.now(UTC)), rows)
    with transaction(engine) as session:
        readers = session.exec(select(func.count()).select_from(Subscriber)).one()
    assert readers == rows
    return cost


def _loop(engine: Engine, path: Path, rows: int) -> Cost:
    _forget(engine)

    def work() -> None:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                with transaction(engine) as session:
                    _add(session, row)

    return timed(work, rows)


def _add(session: Session, row: dict[str, str]) -> None:
    """Add a person as one would write it without a thought of speed."""
    valid = validate_email(
        row["email"], check_deliverability=False, test_environment=True
    )
    key = valid.normalized.lower()
    if session.exec(select(Subscriber).where(Subscriber.key == key)).first():
        return
    topic = session.exec(select(Topic).where(Topic.name == row["topics"])).one()
    person = Subscriber(
        address=valid.normalized,
        key=key,
        name=row["name"],
        created_at=datetime.now(UTC),
    )
    session.add(person)
    session.flush()
    session.add(Subscription(subscriber_id=person.id or 0, topic_id=topic.id or 0))


def _forget(engine: Engine) -> None:
    with transaction(engine) as session:
        if is_sqlite(session):
            for table in TABLES:
                session.execute(text(f"DELETE FROM {table}"))
        else:
            session.execute(text(f"TRUNCATE {', '.join(TABLES)} CASCADE"))
