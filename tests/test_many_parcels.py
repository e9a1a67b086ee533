"""Hundreds of readers, each of whom is owed something else."""

import resource
from datetime import timedelta

import pytest
from sqlalchemy import insert
from sqlmodel import Session, col, select

from flashmail.database import reading, transaction
from flashmail.delivery.starting import start_due_campaigns
from flashmail.digests.runner import start_due_digests
from flashmail.model import (
    Campaign,
    Delivery,
    DigestItem,
    DigestItemState,
    Frequency,
    Subscriber,
    Subscription,
)
from office import NOON, Office
from planning import GRACE, make, tell

pytestmark = pytest.mark.slow

TOPICS, READERS = 12, 500

#: Bytes: what a process may grow by meanwhile.
GROWTH = 200_000_000


def follows(reader: int) -> list[int]:
    """Return which topics a reader follows: another set for each."""
    return [n for n in range(TOPICS) if reader >> n & 1]


def settle_in(office: Office) -> None:
    """Have the readers, all of them daily ones."""
    topics = [office.topic(f"Topic {n:02}") for n in range(TOPICS)]
    with transaction(office.engine) as session:
        people = [
            {"id": n, "address": f"r{n}@example.org", "key": f"r{n}@example.org"}
            | {"name": "", "status": "active", "time_zone": "", "language": ""}
            | {"attributes": {}, "created_at": NOON}
            for n in range(1, READERS + 1)
        ]
        session.execute(insert(Subscriber), people)
        wishes = [
            {
                "subscriber_id": n,
                "topic_id": topics[topic],
                "frequency": Frequency.DAILY,
            }
            for n in range(1, READERS + 1)
            for topic in follows(n)
        ]
        session.execute(insert(Subscription), wishes)


def test_each_of_many_gets_exactly_what_is_followed(office: Office) -> None:
    settle_in(office)
    for n in range(TOPICS):
        tell(office, f"T{n:02}", f"Topic {n:02}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    office.now = NOON.replace(hour=7) + timedelta(days=1)

    begun = start_due_digests(office.engine, make, missed_after=GRACE, now=office.now)
    start_due_campaigns(office.engine, batch_size=1, missed_after=GRACE, now=office.now)

    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < GROWTH
    assert len(begun) == READERS
    with reading(office.engine) as session:
        assert told(session) == {
            n: " + ".join(f"T{topic:02}" for topic in follows(n))
            for n in range(1, READERS + 1)
        }
        states = set(session.exec(select(DigestItem.state)))
        assert states == {DigestItemState.BUNDLED}
    again = start_due_digests(office.engine, make, missed_after=GRACE, now=office.now)
    assert again == []


def told(session: Session) -> dict[int, str]:
    """Return the subject of the digest that each reader gets; each gets one."""
    rows = session.exec(
        select(Delivery.subscriber_id, Campaign.subject)
        .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
        .where(col(Campaign.is_digest))
    ).all()
    assert len(rows) == len({who for who, _ in rows})
    return dict(rows)
