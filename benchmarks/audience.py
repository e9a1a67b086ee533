"""Who gets a campaign, out of a million readers of five topics each."""

from collections.abc import Iterator

from sqlalchemy import Engine, text
from sqlmodel import Session, func, select

from benchmarks import stock
from benchmarks.measure import Cost, Figure, Goal, by_clock, in_turns, timed
from benchmarks.run import Run
from flashmail.audience.segment import Segment
from flashmail.audience.selection import audience_query
from flashmail.database import reading

EVERYBODY = Segment(any=(stock.NEWS,))
SOME = Segment(any=("Topic 7", "Topic 20"), none=("Topic 30",))

PLAIN = """
    SELECT count(DISTINCT subscription.subscriber_id)
    FROM subscriber JOIN subscription ON subscription.subscriber_id = subscriber.id
    WHERE topic_id IN ({})
"""


def figures(run: Run) -> Iterator[Figure]:
    for kind in run.kinds:
        engine = run.stocked(kind)
        for name, segment, topics in (
            ("everybody", EVERYBODY, "1"),
            ("two topics but not a third", SOME, "7, 20"),
        ):
            ways = {
                "ours": lambda s=segment: _ours(engine, s),  # noqa: B023
                "plain": lambda t=topics: _plain(engine, t),  # noqa: B023
            }
            costs = in_turns(ways, run.rounds)
            yield by_clock(
                f"audience, {kind}",
                f"a plain count over the join ({name})",
                costs["ours"],
                costs["plain"],
                goal=Goal(seconds=1),
            )


def _ours(engine: Engine, segment: Segment) -> Cost:
    def work() -> None:
        with reading(engine) as session:
            _count(session, segment)

    return timed(work)


def _count(session: Session, segment: Segment) -> None:
    meant = audience_query(session, segment).subquery()
    assert session.execute(select(func.count()).select_from(meant)).scalar_one()


def _plain(engine: Engine, topics: str) -> Cost:
    def work() -> None:
        with reading(engine) as session:
            session.execute(text(PLAIN.format(topics))).scalar_one()

    return timed(work)
