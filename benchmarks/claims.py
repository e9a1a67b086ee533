"""Claims early and late in a campaign to a million: the late ones cost no more."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Engine, text

from benchmarks import stock
from benchmarks.measure import Cost, Figure, Goal, by_clock, in_turns, timed
from benchmarks.run import Run, addressed, clear, put, settle
from flashmail.delivery.claim import claim
from flashmail.model import CampaignStatus

#: Claims in one round, out of 2,000 batches.
CLAIMS = 10

BATCHES_DONE = """
    UPDATE batch SET state = 'done' WHERE campaign_id = :campaign AND id <= (
        SELECT min(id) + count(*) * :percent / 100 - 1 FROM batch
        WHERE campaign_id = :campaign
    )
"""

MAILS_SENT = """
    UPDATE delivery SET state = 'sent' WHERE campaign_id = :campaign
    AND subscriber_id <= (
        SELECT max(last_id) FROM batch WHERE campaign_id = :campaign AND state = 'done'
    )
"""


def figures(run: Run) -> Iterator[Figure]:
    for kind in run.kinds:
        engine = run.stocked(kind)
        early, late = (_sent(engine, run, percent) for percent in (5, 95))
        ways = {
            "early": partial(_claims, engine, early),
            "late": partial(_claims, engine, late),
        }
        costs = in_turns(ways, run.rounds)
        clear(engine)
        yield by_clock(
            f"claims at 95 %, {kind}",
            f"claims of {run.batch_size} at 5 %",
            costs["late"],
            costs["early"],
            goal=Goal(ratio=0.5),
            remark=" a claim",
        )


def _sent(engine: Engine, run: Run, percent: int) -> int:
    """Have a campaign of which so much went out; return its number."""
    campaign_id = addressed(engine, stock.NEWS, batch_size=run.batch_size)
    with engine.begin() as connection:
        done = {"campaign": campaign_id, "percent": percent}
        connection.execute(text(BATCHES_DONE), done)
        connection.execute(text(MAILS_SENT), {"campaign": campaign_id})
    put(engine, campaign_id, CampaignStatus.PAUSED)
    settle(engine)
    return campaign_id


def _claims(engine: Engine, campaign_id: int) -> Cost:
    put(engine, campaign_id, CampaignStatus.SENDING)

    def work() -> None:
        for _ in range(CLAIMS):
            held = claim(engine, "worker", marks_in_journal=True, now=datetime.now(UTC))
            assert held is not None
            assert held.campaign.id == campaign_id

    cost = timed(work, CLAIMS)
    put(engine, campaign_id, CampaignStatus.PAUSED)
    return cost
