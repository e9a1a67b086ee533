"""Topics: the tree as topics.toml has it, with how many follow each."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from flashmail.audience import headcount
from flashmail.audience.tree import tree
from flashmail.bootstrap import count_everybody
from flashmail.model import Crowd, Role
from flashmail.web.audience.growth import growth_of
from flashmail.web.dependencies import (
    LongWork,
    Me,
    Now,
    Reading,
    Who,
    may,
)
from flashmail.web.page import done, page
from flashmail.web.policy import allow
from flashmail.web.tasks import Progress

router = APIRouter()


@router.get("/topics", **allow(Role.VIEWER))
def topics(session: Reading, now: Now, me: Me) -> Response:
    """Show the tree, the followers of each topic, and how it grew."""
    heads = headcount.latest(session, Crowd.TOPIC)
    weeks = headcount.growth(session, Crowd.TOPIC, now=now)
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
def count_now(request: Request, tasks: LongWork, who: Who) -> Response:
    """Count everybody now."""
    state = request.app.state

    def work(progress: Progress) -> dict[str, Any]:
        count_everybody(state.engine, state.home, now=datetime.now(UTC))
        return {}

    return done(tasks.begin("Counting everybody", work, who=who, then="/topics"))
