"""Claim: one worker takes the next batch, with the readers that may still be mailed.

A batch belongs to the worker with its fence number. Each claim adds one to it,
so that a worker which was thought dead and wakes up again can change nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import starmap
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Engine
from sqlmodel import Session

from flashmail.audience.selection import bringing
from flashmail.campaigns.content import load_message
from flashmail.database import reading, transaction
from flashmail.delivery import statements
from flashmail.delivery.instance import InstanceFence
from flashmail.message import used_fields
from flashmail.model import Campaign, Priority

#: How long a batch stays with a worker that shows no sign of life.
LEASE = timedelta(seconds=60)

#: Begins the name of a field that is filled from a reader's attributes.
ATTRIBUTE = "attribute:"

#: The field that says which followed topics brought the mail.
BECAUSE = "because"


class ClaimedReader(NamedTuple):
    """What the tables know of a reader with a claimed delivery.

    `topics` are the ids, as in `3,7`, of those that bring the mail. Of them and of the
    attributes nothing is known where the mail has no use for them.
    """

    subscriber_id: int
    address: str
    name: str
    topics: str | None = None
    attributes: Mapping[str, Any] | None = None
    consent: bool | None = None  # to be watched


@dataclass(frozen=True)
class Claim:
    """A batch in one worker's hands, and the readers to be mailed out of it.

    `topics` are the names, by their ids, of those that bring the mail.
    """

    batch_id: int
    fence: int
    campaign: Campaign
    readers: tuple[ClaimedReader, ...]
    topics: Mapping[int, str] = field(default_factory=dict)


def claim(
    engine: Engine,
    worker: str,
    *,
    marks_in_journal: bool = False,
    fence: InstanceFence | None = None,
    least: Priority = Priority.NORMAL,
    now: datetime,
) -> Claim | None:
    """Take the next batch that is due, urgent ones first; None where there is none.

    `journal` says that the worker's marks will stand in its journal, not in the table.
    Of a priority below `least` nothing is taken.
    """
    with transaction(engine) as session:
        connection = session.connection()
        due = _next_due(connection, least, now)
        if due is None:
            return None
        took = {
            "which": due.id,
            "who": worker,
            "marks": marks_in_journal,
            "until": now + LEASE,
        }
        if connection.execute(statements.TAKE, took).rowcount != 1:
            return None
        claims = fence.count(session) if fence else 0
        held = _claimed(session, due, now)
    if fence:
        fence.note(claims)
    return held


def is_due(engine: Engine, least: Priority, *, now: datetime) -> bool:
    """Return whether there is something to claim, without keeping a writer waiting."""
    with reading(engine) as session:
        return _next_due(session.connection(), least, now, look=True) is not None


def _next_due(
    connection: Connection, least: Priority, now: datetime, *, look: bool = False
) -> Any:
    when = {"least": least, "moment": now}
    for campaign in connection.execute(statements.CAMPAIGNS_DUE, when).scalars().all():
        # Of a campaign with all batches at other workers, there may be none.
        which = {"whose": campaign, "moment": now}
        next_batch = statements.NEXT_BATCH if look else statements.TAKE_NEXT_BATCH
        due = connection.execute(next_batch, which).first()
        if due is not None:
            return due
    return None


def _claimed(session: Session, due: Any, now: datetime) -> Claim:
    connection = session.connection()
    campaign = session.get_one(Campaign, due.campaign_id)
    rows = {"whose": campaign.id, "lowest": due.first_id, "highest": due.last_id}
    # An amendment goes to the readers of the first mail, paused or not.
    skip = (
        statements.SKIP_WHO_LEFT
        if campaign.amendment_kind
        else statements.SKIP_WHO_LEFT_OR_RESTS
    )
    connection.execute(skip, rows | {"moment": now})
    connection.execute(statements.CLAIM_ROWS, rows | {"moment": now})
    used = used_fields(load_message(campaign))
    topics = bringing(session, campaign.topics) if BECAUSE in used else {}
    query = statements.readers(
        topics=bool(topics), attributes=any(each.startswith(ATTRIBUTE) for each in used)
    )
    found = connection.execute(
        query, rows | ({"topics": list(topics)} if topics else {})
    )
    readers = _read(found.scalar_one())
    return Claim(due.id, due.fence + 1, campaign, readers, topics)


def _read(rows: str | None) -> tuple[ClaimedReader, ...]:
    """Return the readers in a batch's rows, in the order of their numbers."""
    found = orjson.loads(rows or "[]")
    found.sort()
    return tuple(starmap(ClaimedReader, found))
