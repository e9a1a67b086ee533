"""The clock that all workers on a database go by, whatever their own ones say."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from flashmail.database import TRUSTED_FOR, DatabaseClock, clock_of, reading, utc_now
from flashmail.delivery.claim import LEASE, claim
from flashmail.delivery.ledger import take_over_expired
from office import Office

#: A database that machines share.
SHARED = pytest.mark.parametrize(
    "engine", [pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)


def test_sqlite_has_this_machines_clock(office: Office) -> None:
    if office.engine.dialect.name == "sqlite":
        assert clock_of(office.engine) is utc_now
    else:
        assert isinstance(clock_of(office.engine), DatabaseClock)


@SHARED
def test_two_workers_whose_ticks_differ_have_the_same_time(office: Office) -> None:
    early = DatabaseClock(office.engine, ticks=lambda: 5.0)
    late = DatabaseClock(office.engine, ticks=lambda: 86_400.0)

    assert abs(early() - late()) < timedelta(seconds=5)


@SHARED
def test_it_counts_on_between_questions_and_asks_again(office: Office) -> None:
    now = 100.0
    clock = DatabaseClock(office.engine, ticks=lambda: now)
    first = clock()
    now += TRUSTED_FOR - 1
    assert clock() - first == timedelta(seconds=TRUSTED_FOR - 1)
    now += 3600

    with reading(office.engine) as session:
        true = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    assert abs(clock() - true) < timedelta(seconds=5), "its ticks were wrong"


@SHARED
def test_a_lease_holds_for_every_worker_as_long_as_for_its_own(office: Office) -> None:
    office.subscribe("Anne", "Iran")
    clock = clock_of(office.engine)
    office.now = clock()
    office.schedule()
    office.worker().housekeep()
    claim(office.engine, "one", now=clock())

    other = DatabaseClock(office.engine, ticks=lambda: 0.0)
    assert take_over_expired(office.engine, now=other()) == 0
    assert take_over_expired(office.engine, now=other() + LEASE * 2) == 1
