"""The newsroom's pages, with a million readers and a campaign to all of them."""

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from benchmarks import stock
from benchmarks.measure import Cost, Figure, Goal, by_clock, in_turns, timed
from benchmarks.run import SQLITE, Run, addressed
from flashmail.audience.counts import heads, keep_heads
from flashmail.database import is_sqlite, reading, transaction
from flashmail.links import Tokens
from flashmail.reports.cached import count_again
from flashmail.settings import Tracking
from flashmail.transports.outbox import Outbox
from flashmail.web.app import create_app

#: Pages by what they show; all of them are asked for as a browser does.
PAGES = {
    "overview": "/",
    "report": "/campaigns/{campaign}/report",
    "subscribers": "/subscribers",
    "subscribers, newest": "/subscribers?sort=newest",
    "subscribers by address": "/subscribers?q=reader5",
    "subscribers by name": "/subscribers?q=reader+99&begins=name",
    "subscribers by status": "/subscribers?status=bounced&sort=newest",
    "subscribers by topic": "/subscribers?topic=7&sort=newest",
    "profile": "/subscribers/{middle}",
    "suppressions": "/suppressions",
    "topics": "/topics",
    "segments": "/segments",
}

#: What takes no time to answer.
CONSTANT = "/healthz"

#: Requests in a round, and bytes that a page may weigh with all it needs.
REQUESTS, HEAVIEST = 5, 150_000

SENT = "UPDATE delivery SET state = 'sent', state_since = :now, reason = ''"

#: A third opened it, every tenth of those clicked, one in 40 bounced.
OPENED = """
    INSERT INTO event (key, campaign_id, subscriber_id, kind, at, recorded_at,
                       detail, actor, actor_reason, user_agent, network,
                       provider_says_machine)
    SELECT 'opened' || subscriber_id, campaign_id, subscriber_id, 'opened', :now, :now,
           '', 'unknown', '', '', '', false
    FROM delivery WHERE subscriber_id % 3 = 0
"""
BOUNCED = "UPDATE subscriber SET status = 'bounced' WHERE id % 40 = 0"
RESTORED = "UPDATE subscriber SET status = 'active' WHERE status = 'bounced'"


def figures(run: Run) -> Iterator[Figure]:
    for kind in run.kinds:
        engine = run.stocked(kind)
        paths = _told(engine, run)
        with _browser(engine, run, kind) as client:
            for name, path in paths.items():
                yield _time(client, run, f"page, {kind}", name, path)
            if kind == SQLITE:
                for name in ("overview", "report", "subscribers"):
                    yield _weight(client, name, paths[name])
        with engine.begin() as connection:
            connection.execute(text(RESTORED))


def _told(engine: Engine, run: Run) -> dict[str, str]:
    """Have a campaign that all readers got; return the pages' addresses."""
    campaign_id = addressed(engine, stock.NEWS, batch_size=run.batch_size)
    now = datetime.now(UTC)
    with engine.begin() as connection:
        connection.execute(text(SENT), {"now": now})
        connection.execute(text(OPENED), {"now": now})
        connection.execute(text(BOUNCED))
    # What `flashmail serve` does beside the pages.
    while count_again(engine, now=now, tracking=Tracking.REFUSABLE):
        pass
    with reading(engine) as session:
        counted = heads(session, {})
    with transaction(engine) as session:
        keep_heads(session, counted, now=now)
        if not is_sqlite(session):
            session.execute(text("ANALYZE"))
    middle = run.readers // 2
    return {
        name: path.format(campaign=campaign_id, middle=middle)
        for name, path in PAGES.items()
    }


def _browser(engine: Engine, run: Run, kind: str) -> TestClient:
    outbox = Outbox(run.place(f"newsroom-{kind}"))
    app = create_app(engine, Tokens.of(["k" * 32]), outbox)
    return TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000))


def _time(client: TestClient, run: Run, name: str, what: str, path: str) -> Figure:
    ways = {
        "ours": lambda: _asked(client, path),
        "constant": lambda: _asked(client, CONSTANT),
    }
    costs = in_turns(ways, run.rounds)
    return by_clock(
        name,
        f"a constant answer ({what})",
        costs["ours"],
        costs["constant"],
        goal=Goal(seconds=0.05),
    )


def _asked(client: TestClient, path: str) -> Cost:
    def work() -> None:
        for _ in range(REQUESTS):
            assert client.get(path).status_code == 200, path

    return timed(work, REQUESTS)


def _weight(client: TestClient, what: str, path: str) -> Figure:
    """Weigh a page with its styles and scripts, compressed as they would travel."""
    html = client.get(path).text
    parts = [html, *(client.get(each).text for each in _needed(html))]
    weight = sum(len(gzip.compress(each.encode())) for each in parts)
    return Figure(
        "page weight",
        f"{HEAVIEST // 1000} KB ({what})",
        (HEAVIEST / weight,),
        f"{weight / 1000:.0f} KB gzipped",
        Goal(ratio=1),
    )


def _needed(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="(/static/[^"]+)"', html)
