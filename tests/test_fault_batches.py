"""A batch holds what a transport takes at once: what is in flight depends on it."""

from sqlmodel import Session, col, select

from flashmail.model import Batch, DeliveryState
from office import Office


def test_a_batch_holds_as_many_as_the_transport_takes(office: Office) -> None:
    for name in ("Anne", "Bart", "Cleo", "Dora", "Emil"):
        office.subscribe(name, "Iran")
    office.post.batch_size = 2
    office.schedule()

    office.worker().housekeep()

    with Session(office.engine) as session:
        ranges = select(Batch.first_id, Batch.last_id).order_by(col(Batch.first_id))
        assert session.exec(ranges).all() == [(1, 2), (3, 4), (5, 5)]


def test_a_whole_batch_is_booked_at_once(office: Office) -> None:
    for name in ("Anne", "Bart", "Cleo"):
        office.subscribe(name, "Iran")
    office.post.batch_size = 3
    office.schedule()

    assert office.send_one()

    assert office.states() == {DeliveryState.SENT: 3}
