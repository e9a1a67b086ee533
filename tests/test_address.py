"""Batches: ranges of subscriber ids that hold everybody once, and never too many."""

import pytest
from sqlmodel import select

from flashmail.database import reading, transaction
from flashmail.delivery.starting import create_deliveries
from flashmail.model import Batch, Campaign, Subscriber, Subscription
from office import NOON, Office


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_batches_hold_everybody_once(office: Office, size: int) -> None:
    ids = [3, 4, 9, 10, 400, 70_000]
    iran = office.topic("Iran")
    with transaction(office.engine) as session:
        for number in ids:
            address_ = f"reader{number}@example.org"
            session.add(
                Subscriber(id=number, address=address_, key=address_, created_at=NOON)
            )
            session.flush()
            session.add(Subscription(subscriber_id=number, topic_id=iran))
    campaign_id = office.draft("Storm", "Iran")

    with transaction(office.engine) as session:
        campaign = session.get_one(Campaign, campaign_id)
        assert create_deliveries(session, campaign, batch_size=size, now=NOON) == len(
            ids
        )

    with reading(office.engine) as session:
        batches = session.exec(select(Batch).order_by(Batch.id)).all()  # type: ignore[arg-type]
    held = [[n for n in ids if each.first_id <= n <= each.last_id] for each in batches]
    assert held == [ids[at : at + size] for at in range(0, len(ids), size)]


def test_nobody_makes_no_batch(office: Office) -> None:
    campaign_id = office.draft("Storm", "Iran")

    with transaction(office.engine) as session:
        campaign = session.get_one(Campaign, campaign_id)
        assert create_deliveries(session, campaign, batch_size=2, now=NOON) == 0

    with reading(office.engine) as session:
        assert session.exec(select(Batch)).all() == []
