"""Addressing a campaign to a million: who, their deliveries, and the batches."""

from collections.abc import Iterator
from functools import partial

from sqlalchemy import Engine, text
from sqlmodel import func, select

from benchmarks import stock
from benchmarks.measure import Cost, Figure, Goal, by_clock, in_turns, timed
from benchmarks.run import POSTGRESQL, SQLITE, Run, begin, clear, scheduled, settle
from flashmail.database import reading
from flashmail.model import Delivery

#: Seconds for a million.
GOALS = {SQLITE: Goal(seconds=1.5), POSTGRESQL: Goal(seconds=4)}

PLAIN = """
    INSERT INTO plain (campaign_id, subscriber_id, state, attempts, reason, retryable,
                       state_since)
    SELECT 1, id, 'queued', 0, '', false, created_at FROM subscriber
"""


def figures(run: Run) -> Iterator[Figure]:
    for kind in run.kinds:
        engine = run.stocked(kind)
        _make_plain(engine)
        ways = {
            "ours": partial(_ours, engine, run.readers, run.batch_size),
            "plain": partial(_plain, engine),
        }
        costs = in_turns(ways, run.few(5 if kind == SQLITE else 3))
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE plain"))
        clear(engine)
        yield by_clock(
            f"addressing {run.readers:,}, {kind}",
            "a plain INSERT..SELECT of the same rows",
            costs["ours"],
            costs["plain"],
            goal=GOALS[kind],
        )


def _ours(engine: Engine, readers: int, batch_size: int) -> Cost:
    clear(engine)
    scheduled(engine, stock.NEWS)
    cost = timed(lambda: begin(engine, batch_size))
    with reading(engine) as session:
        assert session.exec(select(func.count()).select_from(Delivery)).one() == readers
    return cost


def _plain(engine: Engine) -> Cost:
    def work() -> None:
        with engine.begin() as connection:
            connection.execute(text(PLAIN))

    is_sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM plain" if is_sqlite else "TRUNCATE plain"))
    settle(engine)
    return timed(work)


def _make_plain(engine: Engine) -> None:
    """Make a table of the same form as the deliveries'."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            form = connection.execute(
                text("SELECT sql FROM sqlite_master WHERE name = 'delivery'")
            ).scalar_one()
            connection.execute(text(form.replace("delivery", "plain", 1)))
        else:
            form = "CREATE TABLE plain (LIKE delivery INCLUDING ALL)"
            connection.execute(text(form))
