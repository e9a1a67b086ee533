"""Several posts of a provider about the same mails, at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from random import Random

import pytest

from flashmail.database import transaction
from flashmail.model import DeliveryState, EventKind
from flashmail.tracking.events import NewEvent
from flashmail.tracking.recording import record
from office import NOON, Office

READERS, POSTS = 200, 8


def told(reader: int, kind: EventKind, at: datetime, post: int) -> NewEvent:
    return NewEvent(f"{kind}-{reader}-{post}", 1, reader, kind, at, at, detail="250 OK")


def test_posts_about_the_same_mails_never_wait_for_each_other(office: Office) -> None:
    if office.engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time")
    office.post.batch_size = READERS
    for n in range(READERS):
        office.subscribe(f"R{n}", "Iran")
    office.schedule()
    office.send_all()

    def post(number: int) -> int:
        kinds = (EventKind.DELIVERED, EventKind.DEFERRED, EventKind.BLOCKED)
        events = [
            told(reader, kinds[number % 3], NOON, number)
            for reader in range(1, READERS + 1)
        ]
        Random(number).shuffle(events)
        with transaction(office.engine) as session:
            return record(session, events)

    with ThreadPoolExecutor(POSTS) as pool:
        new = list(pool.map(post, range(POSTS)))

    assert new == [READERS] * POSTS
    assert office.states() == {DeliveryState.DELIVERED: READERS}
